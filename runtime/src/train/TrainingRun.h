//===- TrainingRun.h - A run with its data, programs and validation -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that a training run needs beside a session, held together: what
// sterna-run and the C API are clients of.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAININGRUN_H
#define STERNA_RUNTIME_TRAIN_TRAININGRUN_H

#include "train/Evaluator.h"
#include "train/TrainSettings.h"

#include <memory>
#include <optional>

namespace sterna {

class TrainingRun {
public:
  using Data = std::shared_ptr<const ModelData>;

  /// Prepares a run on the adapter in `session`, whose factor is `loraScale`.
  /// The session must outlive the run and have the training programs prepared;
  /// for validation, `eval_lora` too. `validation` may be null.
  static Expected<std::unique_ptr<TrainingRun>>
  create(Session &session, float loraScale, Data training, Data validation,
         const TrainSettings &settings);

  Trainer &trainer() { return *running; }

  /// Optimizer steps of the whole run.
  uint64_t steps() const { return stepCount; }

  /// The loss of the validation data, measured now; none without such data.
  Expected<std::optional<EvaluationResult>>
  validate(const EvaluationProgress &progress);

private:
  TrainingRun(Session &session, float loraScale, Data training, Data validation,
              TrainPrograms programs)
      : session(&session), loraScale(loraScale), training(std::move(training)),
        validation(std::move(validation)), programs(std::move(programs)) {}

  Session *session;
  float loraScale;
  Data training;
  Data validation;
  TrainPrograms programs;
  uint64_t stepCount = 0;
  std::optional<Trainer> running;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAININGRUN_H
