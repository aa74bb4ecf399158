//===- Trainer.h - The training loop --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Epochs, accumulation and the schedule around the training programs, a step at
// a time, with a state that can be taken and put back. Prints nothing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINER_H
#define STERNA_RUNTIME_TRAIN_TRAINER_H

#include "train/MicroBatches.h"
#include "train/ProximalTerm.h"
#include "train/Schedule.h"
#include "train/TrainPrograms.h"
#include "train/TrainerState.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace sterna {

struct TrainOptions {
  uint64_t steps = 0;            // optimizer steps of the run
  uint32_t gradAccumulation = 1; // micro-batches of a step
  Schedule schedule;
  double weightDecay = 0.01;
  /// 0: no clipping. Absent: 1, or none where the module cannot clip.
  std::optional<double> maxGradNorm;
  double proximalMu = 0; // 0: no term that keeps the run near its start
  BatchOptions batches;
};

/// What one optimizer step did.
struct StepReport {
  uint64_t step = 0;   // counts from 1
  double loss = 0;     // mean over the step's scored tokens or batches
  double gradNorm = 0; // before clipping
  double learningRate = 0;
  uint64_t tokens = 0;   // that are not padding; of a graph, rows
  uint64_t computed = 0; // the same with padding
  double seconds = 0;    // preparing its samples included
};

/// Optimizer steps of one epoch: its batches over `gradAccumulation`, rounded
/// up. The last step of an epoch may have fewer micro-batches.
uint64_t stepsPerEpoch(uint64_t sequences, uint32_t batch,
                       uint32_t gradAccumulation);

/// One training run.
class Trainer {
public:
  /// Prepares `options.steps` steps of `batches`, some of which have something
  /// to train. `session` must outlive the trainer.
  static Expected<Trainer> create(Session &session,
                                  std::unique_ptr<MicroBatches> batches,
                                  const TrainOptions &options);

  /// The same for a language model, running through `samples` as often as
  /// needed; `programs` and `samples` must outlive the trainer. Fails if there
  /// is no sample or none with a scored token.
  static Expected<Trainer> create(TrainPrograms &programs,
                                  const std::vector<Sample> &samples,
                                  const TrainOptions &options);

  /// Whether all steps of the run are done.
  bool done() const { return position >= options.steps; }

  /// Runs the next step that has something to train; none at the end of the
  /// run. The loss and the gradients of a step are means over all its scored
  /// tokens, of a graph over its batches. Wholly masked batches are skipped and
  /// counted. Fails if a loss or a gradient is not finite.
  Expected<std::optional<StepReport>> step();

  /// The loss of the run's first step that has something to train, now:
  /// beside that step's own, a measure of the same samples. Overwrites
  /// gradients that are kept.
  Expected<double> firstStepLoss();

  /// Wholly masked batches so far.
  uint64_t skippedBatches() const { return skipped; }

  Expected<TrainerState> state() const;

  /// Goes on from `state`, of a run with the same data, options and module.
  /// Fails, naming the tensor, where it does not fit.
  Status restore(const TrainerState &state);

private:
  Trainer(Session &session, std::unique_ptr<MicroBatches> batches,
          OptimizerProgram optimizer, ProximalTerm proximal,
          const TrainOptions &options)
      : session(&session), batches(std::move(batches)), optimizer(optimizer),
        proximal(std::move(proximal)), options(options) {}

  /// Runs the micro-batches of `step`; returns the loss.
  Expected<double> accumulate(const MicroBatches::Step &step);
  /// The norm of the gradients of `step`, whose loss is finite, which then have
  /// moved the parameters.
  Expected<float> update(const OptimizerStep &settings);
  bool clipsByPrevious() const;
  /// Tensors of the state that a run depends on.
  std::vector<const format::StateTensor *> tensors() const;

  Session *session;
  std::unique_ptr<MicroBatches> batches;
  OptimizerProgram optimizer;
  ProximalTerm proximal;
  TrainOptions options;
  uint64_t position = 0; // steps behind
  uint64_t updates = 0;
  uint64_t skipped = 0;
  double previousNorm = 0; // of the step before, where it is clipped by that
  uint64_t firstStep = 0;  // the first with something to train
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINER_H
