//===- Packing.h - Which samples share a sequence -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts short samples one after another into sequences of the compiled length,
// so that little of what is computed is padding. Separate from Batcher.h, which
// draws the order of the sequences.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_PACKING_H
#define STERNA_RUNTIME_TEXT_PACKING_H

#include "text/Dataset.h"

#include <cstdint>
#include <vector>

namespace sterna {

/// The samples of each sequence, by their numbers.
struct Packing {
  std::vector<uint64_t> samples; // of the first sequence, of the second, ...
  std::vector<uint64_t> ends;    // of each sequence in `samples`

  uint64_t sequences() const { return ends.size(); }
  uint64_t begin(uint64_t sequence) const {
    return sequence == 0 ? 0 : ends[sequence - 1];
  }
};

/// A sequence for each of `count` samples, in their order.
Packing packNone(uint64_t count);

/// Sequences of at most `length` tokens, by best-fit decreasing (Ding et al.
/// 2024, arXiv:2404.10830): the longest sample comes first, each into the
/// fullest sequence that has room for it. No sample is cut; none may be longer
/// than `length`. The samples of a sequence are in their order, and sequences
/// in that of their first samples.
Packing packSamples(const std::vector<Sample> &samples, uint32_t length);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_PACKING_H
