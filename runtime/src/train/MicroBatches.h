//===- MicroBatches.h - What the training loop runs -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The micro-batches of each optimizer step, of token sequences or of a graph's
// inputs. Separate from the loop, which knows neither.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_MICROBATCHES_H
#define STERNA_RUNTIME_TRAIN_MICROBATCHES_H

#include "io/Status.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sterna {

/// The micro-batches `first` to `last` - 1 of `epoch`.
struct StepRange {
  uint64_t epoch, first, last;
};

/// Those of step `index`, where a step has `gradAccumulation` of the
/// `perEpoch` of an epoch; its last step may have fewer.
inline StepRange rangeOfStep(uint64_t index, uint64_t perEpoch,
                             uint32_t gradAccumulation) {
  uint64_t steps = (perEpoch + gradAccumulation - 1) / gradAccumulation;
  uint64_t first = index % steps * gradAccumulation;
  return {index / steps, first, std::min(first + gradAccumulation, perEpoch)};
}

class MicroBatches {
public:
  /// One optimizer step. Its weight is known before any micro-batch runs,
  /// because the loss is a mean over all of them.
  struct Step {
    uint64_t index = 0;    // counts from 0
    size_t count = 0;      // micro-batches to run
    uint64_t weight = 0;   // what the loss is a mean over; 0: nothing to train
    uint64_t tokens = 0;   // that are not padding; of a graph, rows
    uint64_t computed = 0; // the same with padding
    uint64_t skipped = 0;  // micro-batches without weight, left out
  };

  virtual ~MicroBatches() = default;

  /// Makes step `index` the current one.
  virtual const Step &prepare(uint64_t index) = 0;

  /// Runs micro-batch `number` of the current step, below its count; the first
  /// overwrites the gradients, the others add to them. Returns the sum of the
  /// losses times `lossScale`.
  virtual Expected<float> run(size_t number, float lossScale) = 0;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_MICROBATCHES_H
