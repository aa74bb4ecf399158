//===- Train.cpp - sterna-run train ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fine-tunes a LoRA adapter: options and reports around the runtime's trainer.
// TrainGraph.cpp has what is different for graphs.
//
//===----------------------------------------------------------------------===//

#include "Train.h"

#include "Setup.h"
#include "train/Adapter.h"
#include "train/TrainOptionTable.h"
#include "train/TrainingRun.h"

#include <filesystem>

using namespace sterna;

namespace {

constexpr double defaultAlpha = 16;

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run train model.stn --data chats.jsonl --output tuned "
    "--validation-split 0.1\n"
    "  sterna-run train model.stn --data notes.txt --output tuned "
    "--max-steps 200 \\\n"
    "      --learning-rate 5e-4 --lr-scheduler cosine --warmup-ratio 0.1\n"
    "  sterna-run train model.stn --data more.jsonl --adapter tuned "
    "--output tuned2\n"
    "  sterna-run train model.stn --data batches.npz --output tuned "
    "--epochs 10\n"
    "\n"
    "Data: JSON lines (.jsonl, .ndjson, ...), one object each, {\"text\"}, "
    "{\"prompt\",\n\"completion\"}, {\"messages\"}, {\"instruction\", "
    "\"input\", \"output\"} or {\"input_ids\",\n\"labels\"}, or plain "
    "text. Long samples are cut into windows, short ones padded, or\n"
    "put one after another where the model was compiled with --pack.\n"
    "\n"
    "A step is one optimizer step; its loss is the mean over all scored tokens "
    "of its\nmicro-batches. A new adapter starts with B = 0 and A uniform in "
    "±1/√in. The\nresult is a PEFT adapter in the output folder.\n"
    "\n"
    "Of a graph that was compiled with --train, the data is an archive of "
    "numpy.savez\nwith an array for each input. Where an input has the shape "
    "[B, ...], its array has\nthe shape [rows, ...] and a micro-batch B rows "
    "of it; an array of the input's own\nshape is the same each time. The "
    "result is parameters.safetensors.\n"
    "\n"
    "Learning rate of step s of N, W of them warm-up, p = (s - W)/(N - W):\n"
    "  warm-up  lr * s/W          cosine  min + (lr - min) * (1 + cos(pi "
    "p))/2\n"
    "  constant lr                linear  min + (lr - min) * (1 - p)\n";

void describeData(CLI::App &command, TrainCommand &options) {
  command
      .add_option("--data", options.data,
                  "text or JSON lines; of a graph, an .npz file")
      ->required();
  command
      .add_option("--output", options.output,
                  "folder for the adapter or the parameters, created if "
                  "needed")
      ->required();
  command.add_flag("--overwrite", options.overwrite,
                   "write into an output folder that is not empty");
  command.add_option("--adapter", options.adapter,
                     "start from this PEFT adapter");
  command.add_option("--parameters", options.parameters,
                     "of a graph: start from these trained parameters");
  command.add_flag("--assistant-loss-only", options.assistantOnlyLoss,
                   "train only what the assistant says");
  CLI::Option *file =
      command.add_option("--validation", options.validation,
                         "data to measure the loss on, before and after");
  addNumber(command, "--validation-split", options.validationSplit,
            "hold out this fraction of the rows instead (default 0)",
            {0.0, 1.0})
      ->excludes(file);
}

void describeOptimizer(CLI::App &command, TrainCommand &options) {
  for (const TrainOption &option : trainOptionTable()) {
    std::string name = std::string("--") + option.name;
    auto set = [&option, &options, name](const std::string &text) {
      if (Status status = option.set(options.settings, text); !status.ok())
        throw CLI::ValidationError(name, status.message());
    };
    if (*option.placeholder)
      command.add_option_function<std::string>(name, set, option.help)
          ->type_name(option.placeholder);
    else
      command.add_flag_callback(name, [set] { set("true"); }, option.help);
  }
  addNumber(command, "--lora-alpha", options.loraAlpha,
            "the adapter is scaled by alpha / rank (default 16, or that of "
            "--adapter)",
            positive<double>());
}

void describe(CLI::App &command, TrainCommand &options) {
  describeData(command, options);
  describeOptimizer(command, options);
}

/// Data to train on and to validate with; the latter may be null.
struct TrainData {
  TrainingRun::Data training;
  TrainingRun::Data validation;
};

Expected<TrainData> loadTrainData(const Module &module,
                                  const TrainCommand &options) {
  Expected<ModelData> data =
      loadData(module, options.data, options.assistantOnlyLoss);
  if (!data.ok())
    return data.status();
  std::optional<ModelData> validation;
  if (options.validationSplit > 0 || !options.validation.empty()) {
    Expected<ModelData> held =
        options.validationSplit > 0
            ? splitModelData(module, *data, options.validationSplit,
                             options.settings.seed)
            : loadData(module, options.validation, options.assistantOnlyLoss);
    if (!held.ok())
      return held.status();
    validation = std::move(*held);
  }
  if (data->dataset.samples.empty())
    return Status::error("'" + options.data + "' has no sample to train on");
  TrainData result;
  result.training = std::make_shared<const ModelData>(std::move(*data));
  if (validation)
    result.validation =
        std::make_shared<const ModelData>(std::move(*validation));
  return result;
}

Expected<Adapter> startAdapter(Session &session, const TrainCommand &options) {
  if (options.adapter.empty())
    return Adapter::createFresh(
        session, options.loraAlpha > 0 ? options.loraAlpha : defaultAlpha,
        options.settings.seed);
  Expected<Adapter> adapter = Adapter::load(session, options.adapter);
  if (adapter.ok() && options.loraAlpha > 0)
    adapter->setAlpha(options.loraAlpha);
  return adapter;
}

/// The validation loss, logged; null without validation data.
Expected<Json> validate(TrainingRun &run, const char *when) {
  Expected<std::optional<EvaluationResult>> result =
      run.validate([](uint64_t, uint64_t) { return true; });
  if (!result.ok())
    return result.status();
  if (!*result)
    return Json(nullptr);
  logLine(formatText("validation loss %s: %.4f (%llu tokens)", when,
                     (*result)->loss, (unsigned long long)(*result)->tokens));
  return Json((*result)->loss);
}

void printSummary(const Json &summary, const TrainCommand &options) {
  std::printf("steps               %llu\n",
              (unsigned long long)summary["steps"].get<uint64_t>());
  // Losses of two steps are of different samples and cannot be compared.
  if (summary["validation_loss"].is_null())
    std::printf("loss                %.4f -> %.4f on the samples of the first "
                "step\n",
                summary["first_loss"].get<double>(),
                summary["first_loss_after"].get<double>());
  else
    std::printf("validation loss     %.4f -> %.4f\n",
                summary["validation_loss_before"].get<double>(),
                summary["validation_loss"].get<double>());
  std::printf("tokens per second   %.1f (%.1f with padding)\n",
              summary["tokens_per_second"].get<double>(),
              summary["padded_tokens_per_second"].get<double>());
  printMemory("peak memory", /*width=*/19, summary);
  std::printf("adapter             %s\n", options.output.c_str());
}

/// Trains, measures before and after, and saves what is finite.
Expected<Json> tune(Session &session, Adapter &adapter, const TrainData &data,
                    const TrainCommand &options) {
  Expected<std::unique_ptr<TrainingRun>> run =
      TrainingRun::create(session, adapter.scale(), data.training,
                          data.validation, options.settings);
  if (!run.ok())
    return run.status();
  Expected<OutputFolder> folder = prepareOutput(
      options, {"adapter_config.json", "adapter_model.safetensors"});
  if (!folder.ok())
    return folder.status();

  Expected<Json> before = validate(**run, "before");
  if (!before.ok())
    return before.status();
  Expected<Totals> totals =
      runSteps((*run)->trainer(), (*run)->steps(), "tokens");
  if (!totals.ok())
    return totals.status();
  Expected<Json> after = validate(**run, "after");
  if (!after.ok())
    return after.status();
  Json firstLossAfter;
  if (after->is_null()) {
    Expected<double> loss = (*run)->trainer().firstStepLoss();
    if (!loss.ok())
      return loss.status();
    firstLossAfter = *loss;
  }
  if (Status saved = adapter.save(session, options.output); !saved.ok())
    return saved;
  folder->keep();
  return Json(
      {{"steps", totals->steps},
       {"first_loss", totals->firstLoss},
       {"last_loss", totals->lastLoss},
       {"first_loss_after", firstLossAfter},
       {"validation_loss", *after},
       {"validation_loss_before", *before},
       {"losses", totals->losses},
       {"tokens_per_second", totals->perSecond(totals->tokens)},
       {"padded_tokens_per_second", totals->perSecond(totals->computed)}});
}

Status run(const TrainCommand &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module = Module::load(options.model);
  if (!module.ok())
    return module.status();
  if ((*module)->isGraph())
    return trainGraph(*module, options, common);
  if (!options.parameters.empty())
    return Status::error("--parameters is about graphs, but '" + options.model +
                         "' is a language model: see --adapter");
  std::vector<std::string> names = trainProgramNames(**module);
  if (options.validationSplit > 0 || !options.validation.empty())
    names.push_back("eval_lora");
  Expected<std::vector<uint32_t>> programs = findPrograms(**module, names);
  if (!programs.ok())
    return programs.status();
  Expected<TrainData> data = loadTrainData(**module, options);
  if (!data.ok())
    return data.status();
  Expected<std::unique_ptr<Session>> session =
      Session::create(*module, *programs, common.device);
  if (!session.ok())
    return session.status();
  Expected<Adapter> adapter = startAdapter(**session, options);
  if (!adapter.ok())
    return adapter.status();
  return report(**session, tune(**session, *adapter, *data, options), common,
                [&](const Json &summary) { printSummary(summary, options); });
}

} // namespace

void sterna::addTrainCommand(CLI::App &app, const CommonOptions &common,
                             Action &action) {
  addCommand<TrainCommand>(app, common, action, "train",
                           "Fine-tunes a LoRA adapter, or trains a graph",
                           footer, describe, run);
}
