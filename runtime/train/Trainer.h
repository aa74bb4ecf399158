//===- Trainer.h - The training loop --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Epochs, accumulation and the schedule around the training programs. Prints
// nothing: each step is reported to the caller.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINER_H
#define STERNA_RUNTIME_TRAIN_TRAINER_H

#include "train/Schedule.h"
#include "train/TrainPrograms.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace sterna {

struct TrainOptions {
  uint64_t steps = 0;            // optimizer steps of the run
  uint32_t gradAccumulation = 1; // micro-batches of a step
  Schedule schedule;
  double weightDecay = 0.01;
  double maxGradNorm = 1; // 0: no clipping
  BatchOptions batches;
};

/// What one optimizer step did.
struct StepReport {
  uint64_t step = 0;   // counts from 1
  double loss = 0;     // mean over the step's scored tokens
  double gradNorm = 0; // before clipping
  double learningRate = 0;
  uint64_t tokens = 0; // that are not padding
  double seconds = 0;
};

struct TrainResult {
  uint64_t steps = 0;
  double firstLoss = 0;
  double lastLoss = 0;
  uint64_t tokens = 0;         // that are not padding
  double seconds = 0;          // in steps
  uint64_t skippedBatches = 0; // wholly masked
};

/// Optimizer steps of one epoch: its batches over `gradAccumulation`, rounded
/// up. The last step of an epoch may have fewer micro-batches.
uint64_t stepsPerEpoch(uint64_t samples, uint32_t batch,
                       uint32_t gradAccumulation);

/// Trains for `options.steps` steps, running through `samples` as often as
/// needed. The loss and the gradients of a step are means over all scored
/// tokens of the step. Wholly masked batches are skipped and counted. Fails if
/// a loss or a gradient is not finite, or if no token is scored.
Expected<TrainResult>
train(TrainPrograms &programs, const std::vector<Sample> &samples,
      const TrainOptions &options,
      const std::function<void(const StepReport &)> &report);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINER_H
