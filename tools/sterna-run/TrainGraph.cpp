//===- TrainGraph.cpp - sterna-run train of a graph -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trains the parameters of a graph on batches in NumPy's archives.
//
//===----------------------------------------------------------------------===//

#include "Train.h"

#include "Setup.h"
#include "train/GraphBatches.h"
#include "train/GraphParameters.h"
#include "train/Trainer.h"

using namespace sterna;

namespace {

/// Fails where an option is about language models.
Status checkOptions(const TrainCommand &options) {
  const char *other = !options.adapter.empty()      ? "--adapter"
                      : options.loraAlpha > 0       ? "--lora-alpha"
                      : options.assistantOnlyLoss   ? "--assistant-loss-only"
                      : options.validationSplit > 0 ? "--validation-split"
                                                    : nullptr;
  if (!other)
    return Status();
  return Status::error(std::string(other) + " is about language models, but '" +
                       options.model + "' is a graph");
}

Expected<GraphData> openData(const Module &module, const std::string &path) {
  Expected<GraphData> data = GraphData::open(module, path);
  if (!data.ok())
    return data;
  std::string repeated;
  for (const std::string &name : data->repeated())
    repeated += (repeated.empty() ? "" : ", ") + name;
  uint64_t left = data->rows() % data->batch();
  logLine(formatText(
      "%s: %llu rows, %llu batches of %llu%s", path.c_str(),
      (unsigned long long)data->rows(), (unsigned long long)data->batches(),
      (unsigned long long)data->batch(),
      left ? formatText("; each pass leaves out %llu rows, which fill none",
                        (unsigned long long)left)
                 .c_str()
           : ""));
  if (data->rows() > 1 && !repeated.empty())
    logLine("the same for each batch: " + repeated);
  return data;
}

/// The loss of the validation data, logged; null without.
Expected<Json> validate(const Session &session, const GraphData *validation,
                        const char *when) {
  if (!validation)
    return Json(nullptr);
  Expected<double> loss = evaluateGraph(session, *validation);
  if (!loss.ok())
    return Status::error("validation: " + loss.message());
  uint64_t rows = validation->batches() * validation->batch();
  logLine(formatText("validation loss %s: %.4f (%llu rows)", when, *loss,
                     (unsigned long long)rows));
  return Json(*loss);
}

/// Trains, measures before and after, and saves what is finite.
Expected<Json> tune(Session &session, const GraphData &data,
                    const GraphData *validation, const TrainCommand &options) {
  TrainSettings settings = options.settings;
  Expected<TrainOptions> train =
      makeTrainOptions(settings, data.batches(), /*batch=*/1);
  if (!train.ok())
    return train.status();
  auto batches = GraphBatches::create(
      session, data,
      {settings.shuffle, settings.seed, settings.gradAccumulation});
  if (!batches.ok())
    return batches.status();
  Expected<Trainer> trainer =
      Trainer::create(session, std::move(*batches), *train);
  if (!trainer.ok())
    return trainer.status();
  Expected<OutputFolder> folder = prepareOutput(options, {parametersFile});
  if (!folder.ok())
    return folder.status();

  Expected<Json> before = validate(session, validation, "before");
  if (!before.ok())
    return before.status();
  Expected<Totals> totals = runSteps(*trainer, train->steps, "rows");
  if (!totals.ok())
    return totals.status();
  Expected<Json> after = validate(session, validation, "after");
  if (!after.ok())
    return after.status();
  if (Status saved =
          saveParameters(session, options.output + "/" + parametersFile);
      !saved.ok())
    return saved;
  folder->keep();
  return Json({{"steps", totals->steps},
               {"first_loss", totals->firstLoss},
               {"last_loss", totals->lastLoss},
               {"validation_loss", *after},
               {"validation_loss_before", *before},
               {"losses", totals->losses},
               {"rows_per_second", totals->perSecond(totals->tokens)}});
}

void printSummary(const Json &summary, const TrainCommand &options) {
  std::printf("steps               %llu\n",
              (unsigned long long)summary["steps"].get<uint64_t>());
  bool isValidated = !summary["validation_loss"].is_null();
  std::printf(
      "%-19s %.4f -> %.4f%s\n", isValidated ? "validation loss" : "loss",
      summary[isValidated ? "validation_loss_before" : "first_loss"]
          .get<double>(),
      summary[isValidated ? "validation_loss" : "last_loss"].get<double>(),
      isValidated ? "" : ", of the first and of the last step's rows");
  std::printf("rows per second     %.1f\n",
              summary["rows_per_second"].get<double>());
  printMemory("peak memory", /*width=*/19, summary);
  std::printf("parameters          %s/%s\n", options.output.c_str(),
              parametersFile);
}

} // namespace

Status sterna::trainGraph(const std::shared_ptr<const Module> &module,
                          const TrainCommand &options,
                          const CommonOptions &common) {
  if (Status status = checkOptions(options); !status.ok())
    return status;
  bool validates = !options.validation.empty();
  std::vector<std::string> names = trainProgramNames(*module);
  if (validates)
    names.push_back("loss");
  Expected<std::unique_ptr<Session>> session =
      prepareGraph(module, names, options.parameters, common.device);
  if (!session.ok())
    return session.status();
  Expected<GraphData> data = openData(*module, options.data);
  if (!data.ok())
    return data.status();
  std::optional<GraphData> validation;
  if (validates) {
    Expected<GraphData> held = openData(*module, options.validation);
    if (!held.ok())
      return held.status();
    validation = std::move(*held);
  }
  return report(
      **session,
      tune(**session, *data, validation ? &*validation : nullptr, options),
      common, [&](const Json &summary) { printSummary(summary, options); });
}
