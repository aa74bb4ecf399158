//===- Limits.h - Limits of this machine, measured --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rates that no kernel can exceed, measured in the same run as the kernels,
// and the best ones ever seen on this kind of CPU: a run on a machine that is
// throttled or busy shows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNA_BENCH_LIMITS_H
#define STERNA_TOOLS_STERNA_BENCH_LIMITS_H

#include "core/ThreadPool.h"

#include <string>
#include <vector>

namespace sterna::bench {

/// Bytes that lie far beyond the last cache.
int64_t beyondCaches();

/// The best rate of some passes of one probe.
struct Limit {
  std::string name;
  /// GB/s of the streaming read, GMAC/s of the others.
  double rate = 0;
  /// Best rate seen on this CPU with as many threads.
  double best = 0;
  /// Vector instructions in a cycle of each core; 0 for the streaming read.
  double perCycle = 0;

  bool isLow() const { return rate < 0.8 * best; }
};

/// Name of the streaming read among the limits.
constexpr const char *streamingRead = "streaming read";

/// Measures everything that this CPU has with all threads of `pool`, and keeps
/// the best in a file in $XDG_CACHE_HOME/sterna.
std::vector<Limit> measureLimits(ThreadPool &pool);

} // namespace sterna::bench

#endif // STERNA_TOOLS_STERNA_BENCH_LIMITS_H
