//===- Report.h - What the tool tells its user ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Logs and progress on standard error, results on standard output, and the
// numbers in them. Separate so that all subcommands speak alike.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_REPORT_H
#define STERNA_TOOLS_STERNARUN_REPORT_H

#include "core/Session.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

using Json = nlohmann::ordered_json;

/// Writes a line to standard error, control characters in it escaped.
void logLine(const std::string &line);

/// The same, once for equal lines: for notices that several steps come upon.
void logOnce(const std::string &line);

/// Prints `json` as one line on standard output.
void printJson(const Json &json);

/// printf into a string.
std::string formatText(const char *pattern, ...)
    __attribute__((format(printf, 1, 2)));

/// "12.3 MiB".
std::string formatBytes(uint64_t bytes);

/// "1:02:03" or "2:03".
std::string formatDuration(double seconds);

/// The largest resident set of this process so far, in bytes, as the kernel
/// accounts it; 0 if it does not.
uint64_t peakResidentBytes();

/// The bytes that this process had read from storage so far, which pages in the
/// system's cache are not; 0 where the kernel does not count them.
uint64_t storageReadBytes();

/// Adds to `summary` the memory that was measured on the host and planned on
/// the session's device, and which device and code that is.
void describeMemory(const Session &session, Json &summary);

/// Prints what describeMemory has added, after titles of `width`: `title`, and
/// a line of what was read from storage if anything was.
void printMemory(const char *title, int width, const Json &summary);

/// Seconds since `begin`.
double secondsSince(std::chrono::steady_clock::time_point begin);

/// The middle of `values` (of the two middle ones, their mean); not empty.
double median(std::vector<double> values);

/// Progress of a loop on standard error: on a terminal a bar and one line
/// that is rewritten, else a line for some twentieth parts of the way.
class Progress {
public:
  Progress();

  /// Shows `line` for item `done` of `total`.
  void update(uint64_t done, uint64_t total, const std::string &line);

  /// Ends the rewritten line.
  void finish();

private:
  bool terminal;
  bool open = false;
};

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_REPORT_H
