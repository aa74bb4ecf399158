//===- Report.cpp - What the tool tells its user --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Report.h.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "io/Escape.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>
#include <unistd.h>

using namespace sterna;

void sterna::logLine(const std::string &line) {
  std::fprintf(stderr, "%s\n", escapeControls(line).c_str());
}

void sterna::logOnce(const std::string &line) {
  static std::set<std::string> said;
  if (said.insert(line).second)
    logLine(line);
}

void sterna::printJson(const Json &json) {
  // Names in a file may be any bytes; the output is valid JSON nevertheless.
  std::string text = json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                               Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

std::string sterna::formatText(const char *pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  va_list again;
  va_copy(again, arguments);
  int size = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(size < 0 ? 0 : size_t(size), '\0');
  // The terminating zero has its place behind the text.
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

std::string sterna::formatBytes(uint64_t bytes) {
  if (bytes < 1024)
    return formatText("%llu B", static_cast<unsigned long long>(bytes));
  const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < 4; ++unit)
    value /= 1024;
  return formatText("%.1f %s", value, units[unit]);
}

std::string sterna::formatDuration(double seconds) {
  auto total = static_cast<unsigned long long>(seconds + 0.5);
  if (total >= 3600)
    return formatText("%llu:%02llu:%02llu", total / 3600, total / 60 % 60,
                      total % 60);
  return formatText("%llu:%02llu", total / 60, total % 60);
}

/// The number after `key` in a file in which the system describes this process,
/// or 0.
static uint64_t readCount(const char *path, const std::string &key) {
  std::FILE *file = std::fopen(path, "r");
  if (!file)
    return 0;
  char line[256];
  unsigned long long value = 0;
  while (std::fgets(line, sizeof(line), file))
    if (std::strncmp(line, key.c_str(), key.size()) == 0)
      std::sscanf(line + key.size(), "%llu", &value);
  std::fclose(file);
  return value;
}

uint64_t sterna::peakResidentBytes() {
  return readCount("/proc/self/status", "VmHWM:") * 1024;
}

uint64_t sterna::storageReadBytes() {
  return readCount("/proc/self/io", "read_bytes:");
}

void sterna::describeMemory(const Session &session, Json &summary) {
  summary["peak_rss_bytes"] = peakResidentBytes();
  summary["storage_read_bytes"] = storageReadBytes();
  summary["planned_bytes"] = session.plannedBytes().total();
  summary["device"] = session.deviceName();
  summary["target"] = session.target();
}

void sterna::printMemory(const char *title, int width, const Json &summary) {
  std::printf("%-*s %s measured on the host, %s planned on %s (%s)\n", width,
              title,
              formatBytes(summary["peak_rss_bytes"].get<uint64_t>()).c_str(),
              formatBytes(summary["planned_bytes"].get<uint64_t>()).c_str(),
              summary["device"].get<std::string>().c_str(),
              summary["target"].get<std::string>().c_str());
  if (uint64_t bytes = summary["storage_read_bytes"].get<uint64_t>())
    std::printf("%-*s %s\n", width, "read from storage",
                formatBytes(bytes).c_str());
}

double sterna::secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

double sterna::median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

Progress::Progress() : terminal(isatty(STDERR_FILENO) != 0) {}

void Progress::update(uint64_t done, uint64_t total, const std::string &line) {
  if (terminal) {
    constexpr uint64_t width = 24;
    std::string bar(total == 0 ? 0 : size_t(done * width / total), '#');
    bar.resize(width, '.');
    // Erasing to the end removes what a longer line left behind.
    std::fprintf(stderr, "\r[%s] %s\x1b[K", bar.c_str(),
                 escapeControls(line).c_str());
    std::fflush(stderr);
    open = true;
    return;
  }
  uint64_t interval = std::max<uint64_t>(1, total / 20);
  if (done == 1 || done == total || done % interval == 0)
    logLine(line);
}

void Progress::finish() {
  if (open)
    std::fputc('\n', stderr);
  open = false;
}
