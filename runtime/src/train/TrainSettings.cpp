//===- TrainSettings.cpp - What a user asks of a training run -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainSettings.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainSettings.h"

#include "train/BatchInputs.h"

#include <cmath>
#include <cstdio>
#include <string>

using namespace sterna;

namespace {

std::string formatNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Status checkNumber(const char *name, double value, double most = INFINITY) {
  if (std::isfinite(value) && value >= 0 && value <= most)
    return Status();
  std::string range = most == INFINITY
                          ? "a number of at least 0"
                          : "a number from 0 to " + formatNumber(most);
  return Status::error(std::string(name) + ": expected " + range +
                       ", but got " + formatNumber(value));
}

Status checkAlone(const TrainSettings &settings) {
  for (Status status :
       {checkNumber("--learning-rate", settings.learningRate),
        checkNumber("--lr-min", settings.learningRateMinimum),
        checkNumber("--warmup-ratio", settings.warmupRatio, 1),
        checkNumber("--weight-decay", settings.weightDecay),
        checkNumber("--grad-clip", settings.gradClip.value_or(0)),
        checkNumber("--proximal-mu", settings.proximalMu)})
    if (!status.ok())
      return status;
  constexpr uint32_t most = 65536;
  if (settings.gradAccumulation < 1 || settings.gradAccumulation > most)
    return Status::error("--grad-accumulation: expected a number from 1 to " +
                         std::to_string(most) + ", but got " +
                         std::to_string(settings.gradAccumulation));
  if (settings.maxSteps == 0 && settings.epochs == 0)
    return Status::error("--epochs: expected at least 1, but got 0");
  return Status();
}

/// The optimizer steps of the run.
Expected<uint64_t> countSteps(const TrainSettings &settings,
                              uint64_t perEpoch) {
  uint64_t steps = settings.maxSteps;
  if (steps == 0 && __builtin_mul_overflow(settings.epochs, perEpoch, &steps))
    return Status::error("--epochs: expected fewer than " +
                         std::to_string(settings.epochs) +
                         " passes over the data: their steps cannot be "
                         "counted");
  return steps;
}

/// Checks settings against each other and against the length of the run.
Status checkSchedule(const TrainSettings &settings, uint64_t steps) {
  if (settings.learningRateMinimum > 0 &&
      settings.scheduler == ScheduleKind::constant)
    return Status::error("--lr-min: expected a decay to end there, but got "
                         "--lr-scheduler constant");
  if (settings.learningRateMinimum > settings.learningRate)
    return Status::error("--lr-min: expected at most the learning rate of " +
                         formatNumber(settings.learningRate) + ", but got " +
                         formatNumber(settings.learningRateMinimum));
  if (settings.warmupSteps > 0 && settings.warmupRatio > 0)
    return Status::error("--warmup-steps excludes --warmup-ratio");
  if (settings.warmupSteps > steps)
    return Status::error("--warmup-steps: expected at most the " +
                         std::to_string(steps) + " steps of the run, but got " +
                         std::to_string(settings.warmupSteps));
  return Status();
}

} // namespace

Expected<TrainOptions> sterna::makeTrainOptions(const TrainSettings &settings,
                                                uint64_t sequences,
                                                uint32_t batch) {
  if (Status status = checkAlone(settings); !status.ok())
    return status;
  TrainOptions train;
  train.gradAccumulation = settings.gradAccumulation;
  train.weightDecay = settings.weightDecay;
  train.maxGradNorm = settings.gradClip;
  train.proximalMu = settings.proximalMu;
  Expected<uint64_t> steps = countSteps(
      settings, stepsPerEpoch(sequences, batch, train.gradAccumulation));
  if (!steps.ok())
    return steps.status();
  if (Status status = checkSchedule(settings, *steps); !status.ok())
    return status;
  train.steps = *steps;
  train.schedule.kind = settings.scheduler;
  train.schedule.peak = settings.learningRate;
  train.schedule.minimum = settings.learningRateMinimum;
  train.schedule.steps = train.steps;
  train.schedule.warmupSteps =
      settings.warmupSteps > 0
          ? settings.warmupSteps
          : warmupStepsOf(settings.warmupRatio, train.steps);
  return train;
}

Expected<TrainOptions> sterna::makeTrainOptions(const Module &module,
                                                const TrainSettings &settings,
                                                const ModelData &data) {
  uint32_t batch = module.model().batch();
  Expected<TrainOptions> train =
      makeTrainOptions(settings, countSequences(module, data), batch);
  if (!train.ok())
    return train;
  train->batches.batch = batch;
  train->batches.sequenceLength = module.model().sequence_length();
  train->batches.padToken = data.padToken;
  train->batches.shuffle = settings.shuffle;
  train->batches.seed = settings.seed;
  train->batches.pack = isPacked(module);
  return train;
}
