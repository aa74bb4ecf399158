//===- TokenBatches.h - Micro-batches of token sequences ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a language model's training loop runs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TOKENBATCHES_H
#define STERNA_RUNTIME_TRAIN_TOKENBATCHES_H

#include "train/MicroBatches.h"
#include "train/TrainPrograms.h"

#include <vector>

namespace sterna {

class TokenBatches : public MicroBatches {
public:
  /// `programs` and `samples` must outlive this object. A step has
  /// `gradAccumulation` micro-batches, the last of an epoch perhaps fewer;
  /// those without a scored token are left out.
  TokenBatches(TrainPrograms &programs, const std::vector<Sample> &samples,
               const BatchOptions &options, uint32_t gradAccumulation)
      : programs(&programs), batcher(samples, options),
        batches(gradAccumulation) {}

  const Step &prepare(uint64_t index) override;
  Expected<float> run(size_t number, float lossScale) override;

private:
  TrainPrograms *programs;
  Batcher batcher;
  std::vector<Batch> batches;
  Step current;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TOKENBATCHES_H
