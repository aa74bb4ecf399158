//===- TrainSettings.h - What a user asks of a training run ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The settings of a run as users give them, and how they become those of the
// trainer: epochs become steps, shares become counts, and what contradicts
// itself is refused. Errors name settings as the options of sterna-run train.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINSETTINGS_H
#define STERNA_RUNTIME_TRAIN_TRAINSETTINGS_H

#include "train/ModelData.h"
#include "train/Trainer.h"

#include <optional>

namespace sterna {

struct TrainSettings {
  uint64_t epochs = 1;
  uint64_t maxSteps = 0; // optimizer steps, whatever `epochs` says; 0: epochs
  double learningRate = 2e-4;
  ScheduleKind scheduler = ScheduleKind::constant;
  double learningRateMinimum = 0;
  double warmupRatio = 0;   // share of the steps
  uint64_t warmupSteps = 0; // instead of a share
  double weightDecay = 0.01;
  /// 0: no clipping. Absent: 1, or none where the module cannot clip.
  std::optional<double> gradClip;
  double proximalMu = 0;
  uint32_t gradAccumulation = 1;
  uint64_t seed = 42; // of the order of samples and of stochastic rounding
  bool shuffle = true;
};

/// The trainer's options for `settings`, where an epoch has `sequences`, of a
/// graph rows, in batches of `batch`. Fails on numbers that are not finite or
/// out of range, and on settings that contradict each other or the length of
/// the run.
Expected<TrainOptions> makeTrainOptions(const TrainSettings &settings,
                                        uint64_t sequences, uint32_t batch);

/// The same for a language model and `data`.
Expected<TrainOptions> makeTrainOptions(const Module &module,
                                        const TrainSettings &settings,
                                        const ModelData &data);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINSETTINGS_H
