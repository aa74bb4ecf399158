//===- TrainingRun.cpp - A run with its data, programs and validation -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainingRun.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainingRun.h"

using namespace sterna;

Expected<std::unique_ptr<TrainingRun>>
TrainingRun::create(Session &session, float loraScale, Data training,
                    Data validation, const TrainSettings &settings) {
  Expected<TrainOptions> options =
      makeTrainOptions(session.module(), settings, *training);
  if (!options.ok())
    return options.status();
  Expected<TrainPrograms> programs =
      TrainPrograms::create(session, loraScale, settings.seed);
  if (!programs.ok())
    return programs.status();
  std::unique_ptr<TrainingRun> run(
      new TrainingRun(session, loraScale, std::move(training),
                      std::move(validation), std::move(*programs)));
  run->stepCount = options->steps;
  Expected<Trainer> trainer =
      Trainer::create(run->programs, run->training->dataset.samples, *options);
  if (!trainer.ok())
    return trainer.status();
  run->running.emplace(std::move(*trainer));
  return run;
}

Expected<std::optional<EvaluationResult>>
TrainingRun::validate(const EvaluationProgress &progress) {
  using Result = std::optional<EvaluationResult>;
  if (!validation)
    return Result();
  Expected<Evaluator> evaluator =
      Evaluator::create(*session, /*lora=*/true, loraScale);
  if (!evaluator.ok())
    return evaluator.status();
  Expected<EvaluationResult> result = evaluator->evaluate(
      validation->dataset.samples, validation->padToken, progress);
  if (!result.ok())
    return Status::error("validation: " + result.message());
  return Result(*result);
}
