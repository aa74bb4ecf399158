//===- Probes.h - Loops that run at a limit of the machine ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the hardware can do at most, as loops of nothing else: multiply-adds in
// registers with more independent accumulators than the latency can stall, and
// a stream of loads. Every loop checks its result, for a loop that the compiler
// has folded would show a limit that does not exist.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNA_BENCH_PROBES_H
#define STERNA_TOOLS_STERNA_BENCH_PROBES_H

#include <cstdint>
#include <string>
#include <vector>

namespace sterna::bench {

/// Rounds of a loop of multiply-adds: enough for a millisecond, few enough for
/// f32 to count them exactly.
constexpr int64_t probeRounds = 1 << 20;

/// A loop of multiply-adds in registers.
struct Probe {
  std::string name;
  /// LLVM's names of the features that it needs.
  std::vector<std::string> needs;
  /// Multiply-adds and vector instructions of a round.
  int64_t macs, instructions;
  /// Runs `probeRounds` rounds. Returns whether they were computed.
  bool (*run)();
};

const std::vector<Probe> &getProbes();

/// Takes `cycles` cycles of the core's clock, which need not be the clock's
/// nominal one.
void spendCycles(int64_t cycles);

/// Returns the sum of `words` words, at the pace of memory.
uint64_t sumWords(const uint64_t *data, int64_t words);

} // namespace sterna::bench

#endif // STERNA_TOOLS_STERNA_BENCH_PROBES_H
