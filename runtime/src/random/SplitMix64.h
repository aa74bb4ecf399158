//===- SplitMix64.h - Random numbers that a seed fixes --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one source of random numbers: new adapters, orders of samples, stochastic
// rounding and sampling draw from it. Our own, because those of standard
// libraries differ. Separate because all parts of the runtime use it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_RANDOM_SPLITMIX64_H
#define STERNA_RUNTIME_RANDOM_SPLITMIX64_H

#include <cassert>
#include <cstdint>
#include <initializer_list>

namespace sterna {

/// SplitMix64: a small generator whose sequence is fixed by its seed alone.
class SplitMix64 {
public:
  explicit SplitMix64(uint64_t seed) : state(seed) {}

  /// The generator of a place in a computation, such as {seed, step, part}:
  /// its numbers depend on these alone, not on what was drawn before, and those
  /// of different places are unrelated.
  static SplitMix64 at(std::initializer_list<uint64_t> place) {
    uint64_t mixed = 0;
    for (uint64_t part : place)
      mixed = SplitMix64(mixed ^ part).next();
    return SplitMix64(mixed);
  }

  /// The next 64 random bits.
  uint64_t next() {
    state += 0x9E3779B97F4A7C15;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }

  /// A uniform number in 0 .. bound − 1; `bound` is at least 1.
  uint64_t below(uint64_t bound) {
    assert(bound >= 1 && "an empty range has no number");
    // Numbers below 2⁶⁴ mod bound would make small results likelier.
    uint64_t biased = (0 - bound) % bound;
    uint64_t value = next();
    while (value < biased)
      value = next();
    return value % bound;
  }

private:
  uint64_t state;
};

} // namespace sterna

#endif // STERNA_RUNTIME_RANDOM_SPLITMIX64_H
