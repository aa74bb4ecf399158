//===- Trainer.cpp - The training loop ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Trainer.h.
//
//===----------------------------------------------------------------------===//

#include "train/Trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

using namespace sterna;

namespace {

using Clock = std::chrono::steady_clock;

/// The micro-batches of a step; their count is known before any runs, because
/// the loss is a mean over all of them.
struct Step {
  std::vector<Batch> batches;
  size_t count = 0;
  uint64_t trainedTokens = 0;
  uint64_t realTokens = 0;
};

/// Runs one training run; the members shorten the argument lists.
class Run {
public:
  Run(TrainPrograms &programs, const std::vector<Sample> &samples,
      const TrainOptions &options)
      : programs(programs), options(options),
        batcher(samples, options.batches) {
    step.batches.resize(options.gradAccumulation);
  }

  /// Fills `step` with the micro-batches of optimizer step `index`, wholly
  /// masked ones left out.
  void fillStep(uint64_t index);

  /// Whether the step has anything to train.
  bool hasTokens() const { return step.trainedTokens > 0; }

  /// Runs the step; `updates` counts those before it.
  Expected<StepReport> runStep(uint64_t index, uint64_t updates);

  uint64_t skippedBatches = 0;

private:
  Expected<double> accumulate(uint64_t index);

  TrainPrograms &programs;
  const TrainOptions &options;
  Batcher batcher;
  Step step;
};

void Run::fillStep(uint64_t index) {
  uint64_t perEpoch = batcher.batchesPerEpoch();
  uint64_t stepsOfEpoch =
      (perEpoch + options.gradAccumulation - 1) / options.gradAccumulation;
  uint64_t epoch = index / stepsOfEpoch;
  uint64_t first = index % stepsOfEpoch * options.gradAccumulation;
  uint64_t last = std::min(first + options.gradAccumulation, perEpoch);
  step.count = 0;
  step.trainedTokens = 0;
  step.realTokens = 0;
  for (uint64_t batch = first; batch < last; ++batch) {
    Batch &target = step.batches[step.count];
    batcher.fill(epoch, batch, target);
    if (target.trainedTokens == 0) {
      ++skippedBatches;
      continue;
    }
    ++step.count;
    step.trainedTokens += target.trainedTokens;
    step.realTokens += target.realTokens;
  }
}

Expected<double> Run::accumulate(uint64_t index) {
  float lossScale = float(1.0 / double(step.trainedTokens));
  double loss = 0;
  for (size_t i = 0; i < step.count; ++i) {
    Expected<float> part =
        programs.micro(step.batches[i], lossScale, /*accumulate=*/i > 0);
    if (!part.ok())
      return part.status();
    loss += *part;
  }
  if (!std::isfinite(loss))
    return Status::error("the loss is not finite at step " +
                         std::to_string(index + 1) +
                         ": lower --learning-rate or check the data");
  return loss;
}

Expected<StepReport> Run::runStep(uint64_t index, uint64_t updates) {
  Clock::time_point begin = Clock::now();
  Expected<double> loss = accumulate(index);
  if (!loss.ok())
    return loss.status();
  OptimizerStep settings;
  settings.learningRate = options.schedule.learningRate(index);
  settings.weightDecay = options.weightDecay;
  settings.maxGradNorm = options.maxGradNorm;
  settings.step = updates + 1;
  Expected<float> norm = programs.apply(settings);
  if (!norm.ok())
    return norm.status();
  if (!std::isfinite(*norm))
    return Status::error("the gradient is not finite at step " +
                         std::to_string(index + 1) +
                         ": lower --learning-rate or check the data");
  StepReport report;
  report.step = index + 1;
  report.loss = *loss;
  report.gradNorm = *norm;
  report.learningRate = settings.learningRate;
  report.tokens = step.realTokens;
  report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return report;
}

} // namespace

uint64_t sterna::stepsPerEpoch(uint64_t samples, uint32_t batch,
                               uint32_t gradAccumulation) {
  uint64_t batches = (samples + batch - 1) / batch;
  return (batches + gradAccumulation - 1) / gradAccumulation;
}

Expected<TrainResult>
sterna::train(TrainPrograms &programs, const std::vector<Sample> &samples,
              const TrainOptions &options,
              const std::function<void(const StepReport &)> &report) {
  if (samples.empty())
    return Status::error("the data has no sample to train on");
  Run run(programs, samples, options);
  TrainResult result;
  uint64_t updates = 0;
  for (uint64_t index = 0; index < options.steps; ++index) {
    run.fillStep(index);
    if (!run.hasTokens())
      continue;
    Expected<StepReport> done = run.runStep(index, updates);
    if (!done.ok())
      return done.status();
    if (updates++ == 0)
      result.firstLoss = done->loss;
    result.lastLoss = done->loss;
    result.tokens += done->tokens;
    result.seconds += done->seconds;
    report(*done);
  }
  if (updates == 0)
    return Status::error("the data has no token to train on");
  result.steps = updates;
  result.skippedBatches = run.skippedBatches;
  return result;
}
