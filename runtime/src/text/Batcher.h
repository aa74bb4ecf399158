//===- Batcher.h - Samples in order, in batches ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Orders the sequences of a data set into batches of the compiled shape, the
// same way on every machine. Random access by epoch and index, so that a
// resumed run needs no replay. Separate from Dataset.h, which knows formats.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BATCHER_H
#define STERNA_RUNTIME_TEXT_BATCHER_H

#include "random/SplitMix64.h"
#include "text/Packing.h"

#include <cstdint>
#include <vector>

namespace sterna {

/// A permutation of 0 .. count − 1 drawn by Fisher–Yates from `seed`.
std::vector<uint64_t> shuffledOrder(uint64_t count, SplitMix64 random);

struct BatchOptions {
  uint32_t batch = 1;            // rows
  uint32_t sequenceLength = 128; // columns
  int32_t padToken = 0;
  bool shuffle = true; // else the order of the file, every epoch
  uint64_t seed = 42;
  bool pack = false; // several samples in a row, as Packing.h has it
};

/// One batch of the compiled shape [batch, sequenceLength], row-major. Padding
/// and missing rows hold the pad token and the masked label.
struct Batch {
  std::vector<int32_t> tokens;
  std::vector<int32_t> labels;
  std::vector<int32_t> positions; // in the token's sample, from 0
  std::vector<int32_t> segments;  // of the row's samples, from 0; padding -1
  uint64_t realTokens = 0;        // tokens that are not padding
  uint64_t trainedTokens = 0;     // labels scored: ≠ −100 in columns ≥ 1
};

/// Gives the batches of each epoch, which has the same rows each time, in an
/// order that is drawn anew. The first label of a sample is masked where
/// another stands before it: what comes before is not its own. The samples must
/// outlive it, unchanged, and be no longer than `sequenceLength`.
class Batcher {
public:
  Batcher(const std::vector<Sample> &samples, const BatchOptions &options);

  /// Batches in one epoch: sequences / batch, rounded up.
  uint64_t batchesPerEpoch() const;

  /// Fills `batch` with batch `index` of `epoch`; its vectors are resized once
  /// and then reused.
  void fill(uint64_t epoch, uint64_t index, Batch &batch);

private:
  void fillRow(uint64_t sequence, size_t offset, Batch &batch) const;

  const std::vector<Sample> &samples;
  BatchOptions options;
  Packing packing;
  std::vector<uint64_t> order;
  uint64_t orderEpoch = UINT64_MAX;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BATCHER_H
