//===- Train.cpp - sterna-run train ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fine-tunes a LoRA adapter: options and reports around the runtime's trainer.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "train/Adapter.h"
#include "train/Evaluator.h"
#include "train/Trainer.h"

#include <filesystem>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::string data;
  std::string output;
  bool overwrite = false;
  std::string validation;
  double validationSplit = 0;
  uint64_t epochs = 1;
  uint64_t maxSteps = 0;
  double learningRate = 2e-4;
  std::string scheduler = "constant";
  double learningRateMinimum = 0;
  double warmupRatio = 0;
  uint64_t warmupSteps = 0;
  double weightDecay = 0.01;
  double gradClip = 1;
  uint32_t gradAccumulation = 1;
  double loraAlpha = 0; // 0: 16, or as the adapter given says
  uint64_t seed = 42;
  bool noShuffle = false;
  bool assistantOnlyLoss = false;
  std::string adapter;
};

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
    "\n"
    "Data: a .jsonl file holds one object per line, {\"text\"}, {\"prompt\", "
    "\"completion\"},\n{\"messages\"}, {\"instruction\", \"input\", "
    "\"output\"} "
    "or {\"input_ids\", \"labels\"};\nany other file is plain text. Long "
    "samples are cut into windows, short ones padded.\n"
    "\n"
    "A step is one optimizer step; its loss is the mean over all scored tokens "
    "of its\nmicro-batches. A new adapter starts with B = 0 and A uniform in "
    "±1/√in. The\nresult is a PEFT adapter in the output folder.\n"
    "\n"
    "Learning rate of step s of N, W of them warm-up, p = (s - W)/(N - W):\n"
    "  warm-up  lr * s/W          cosine  min + (lr - min) * (1 + cos(pi "
    "p))/2\n"
    "  constant lr                linear  min + (lr - min) * (1 - p)\n";

void describeData(CLI::App &command, Options &options) {
  command.add_option("--data", options.data, "text or JSON lines")->required();
  command
      .add_option("--output", options.output,
                  "folder for the adapter, created if needed")
      ->required();
  command.add_flag("--overwrite", options.overwrite,
                   "write into an output folder that is not empty");
  command.add_option("--adapter", options.adapter,
                     "start from this PEFT adapter");
  command.add_flag("--assistant-loss-only", options.assistantOnlyLoss,
                   "train only what the assistant says");
  CLI::Option *file =
      command.add_option("--validation", options.validation,
                         "data to measure the loss on, before and after");
  command
      .add_option("--validation-split", options.validationSplit,
                  "hold out this fraction of the data instead (default 0)")
      ->check(CLI::Range(0.0, 1.0))
      ->excludes(file);
}

void describeOptimizer(CLI::App &command, Options &options) {
  command
      .add_option("--epochs", options.epochs,
                  "passes over the data (default 1)")
      ->check(positive());
  command
      .add_option("--max-steps", options.maxSteps,
                  "optimizer steps of the run, whatever --epochs says")
      ->check(positive());
  command
      .add_option("--learning-rate", options.learningRate,
                  "peak learning rate (default 2e-4)")
      ->check(nonNegative());
  command
      .add_option("--lr-scheduler", options.scheduler,
                  "constant (default), cosine or linear")
      ->check(CLI::IsMember({"constant", "cosine", "linear"}));
  command
      .add_option("--lr-min", options.learningRateMinimum,
                  "learning rate that a decay ends at (default 0)")
      ->check(nonNegative());
  CLI::Option *ratio =
      command
          .add_option("--warmup-ratio", options.warmupRatio,
                      "fraction of the steps that warm up (default 0)")
          ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--warmup-steps", options.warmupSteps,
                  "steps that warm up, instead of a fraction")
      ->check(nonNegative())
      ->excludes(ratio);
  command
      .add_option("--weight-decay", options.weightDecay,
                  "decoupled weight decay (default 0.01)")
      ->check(nonNegative());
  command
      .add_option("--grad-clip", options.gradClip,
                  "largest norm of the gradient; 0: no clipping (default 1)")
      ->check(nonNegative());
  command
      .add_option("--grad-accumulation", options.gradAccumulation,
                  "micro-batches of a step (default 1)")
      ->check(CLI::Range(1u, 65536u));
  command
      .add_option("--lora-alpha", options.loraAlpha,
                  "the adapter is scaled by alpha / rank (default 16, or that "
                  "of --adapter)")
      ->check(positive());
  command.add_option("--seed", options.seed,
                     "seed of the new adapter, of the order of samples, of "
                     "the split and of stochastic rounding (default 42)");
  command.add_flag("--no-shuffle", options.noShuffle,
                   "take the samples in the order of the file");
}

void describe(CLI::App &command, Options &options) {
  describeData(command, options);
  describeOptimizer(command, options);
}

/// Fails early if the adapter could not be written at the end.
Status prepareOutput(const Options &options) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(options.output, error) &&
      !fs::is_directory(options.output, error))
    return Status::error("the output '" + options.output + "' is not a folder");
  if (fs::is_directory(options.output, error) &&
      !fs::is_empty(options.output, error) && !options.overwrite)
    return Status::error("the output folder '" + options.output +
                         "' is not empty: choose another or use --overwrite");
  fs::create_directories(options.output, error);
  if (error)
    return Status::error("cannot create the output folder '" + options.output +
                         "': " + error.message());
  return Status();
}

/// Samples to train on and to validate with; the latter may be empty.
struct TrainData {
  Dataset training;
  std::vector<Sample> validation;
  int32_t padToken = 0;
};

Expected<TrainData> loadTrainData(const Module &module,
                                  const Options &options) {
  Expected<Data> data =
      loadData(module, options.data, options.assistantOnlyLoss);
  if (!data.ok())
    return data.status();
  TrainData result;
  result.training = std::move(data->dataset);
  result.padToken = data->padToken;
  if (options.validationSplit > 0) {
    Expected<Dataset> part =
        splitValidation(result.training, options.validationSplit,
                        module.model().sequence_length(), options.seed);
    if (!part.ok())
      return part.status();
    result.validation = std::move(part->samples);
  } else if (!options.validation.empty()) {
    Expected<Data> held =
        loadData(module, options.validation, options.assistantOnlyLoss);
    if (!held.ok())
      return held.status();
    result.validation = std::move(held->dataset.samples);
  }
  if (result.training.samples.empty())
    return Status::error("'" + options.data + "' has no sample to train on");
  return result;
}

ScheduleKind scheduleKind(const std::string &name) {
  if (name == "cosine")
    return ScheduleKind::cosine;
  return name == "linear" ? ScheduleKind::linear : ScheduleKind::constant;
}

TrainOptions makeTrainOptions(const Module &module, const Options &options,
                              const TrainData &data) {
  TrainOptions train;
  train.gradAccumulation = options.gradAccumulation;
  train.weightDecay = options.weightDecay;
  train.maxGradNorm = options.gradClip;
  train.batches.batch = module.model().batch();
  train.batches.sequenceLength = module.model().sequence_length();
  train.batches.padToken = data.padToken;
  train.batches.shuffle = !options.noShuffle;
  train.batches.seed = options.seed;
  uint64_t perEpoch =
      stepsPerEpoch(data.training.samples.size(), train.batches.batch,
                    train.gradAccumulation);
  train.steps =
      options.maxSteps > 0 ? options.maxSteps : options.epochs * perEpoch;
  train.schedule.kind = scheduleKind(options.scheduler);
  train.schedule.peak = options.learningRate;
  train.schedule.minimum = options.learningRateMinimum;
  train.schedule.steps = train.steps;
  train.schedule.warmupSteps =
      options.warmupSteps > 0 ? options.warmupSteps
                              : warmupStepsOf(options.warmupRatio, train.steps);
  return train;
}

Expected<Adapter> startAdapter(Session &session, const Options &options) {
  if (options.adapter.empty())
    return Adapter::createFresh(
        session, options.loraAlpha > 0 ? options.loraAlpha : defaultAlpha,
        options.seed);
  Expected<Adapter> adapter = Adapter::load(session, options.adapter);
  if (adapter.ok() && options.loraAlpha > 0)
    adapter->setAlpha(options.loraAlpha);
  return adapter;
}

/// The validation loss, logged; null without validation data.
Expected<Json> validate(Session &session, const Adapter &adapter,
                        const TrainData &data, const char *when) {
  if (data.validation.empty())
    return Json(nullptr);
  Expected<Evaluator> evaluator =
      Evaluator::create(session, /*lora=*/true, adapter.scale());
  if (!evaluator.ok())
    return evaluator.status();
  Expected<EvaluationResult> result = evaluator->evaluate(
      data.validation, data.padToken, [](uint64_t, uint64_t) {});
  if (!result.ok())
    return Status::error("validation: " + result.message());
  logLine(formatText("validation loss %s: %.4f (%llu tokens)", when,
                     result->loss, (unsigned long long)result->tokens));
  return Json(result->loss);
}

Expected<TrainResult> trainWithProgress(Session &session,
                                        const Adapter &adapter,
                                        const TrainData &data,
                                        const TrainOptions &options,
                                        uint64_t seed) {
  Expected<TrainPrograms> programs =
      TrainPrograms::create(session, adapter.scale(), seed);
  if (!programs.ok())
    return programs.status();
  Progress progress;
  uint64_t tokens = 0;
  double seconds = 0;
  Expected<TrainResult> result = train(
      *programs, data.training.samples, options, [&](const StepReport &report) {
        tokens += report.tokens;
        seconds += report.seconds;
        double left =
            seconds / double(report.step) * double(options.steps - report.step);
        progress.update(
            report.step, options.steps,
            formatText("step %llu/%llu  loss %.4f  lr %.2e  grad norm %.3f  "
                       "%.0f tokens/s  ETA %s",
                       (unsigned long long)report.step,
                       (unsigned long long)options.steps, report.loss,
                       report.learningRate, report.gradNorm,
                       seconds > 0 ? double(tokens) / seconds : 0.0,
                       formatDuration(left).c_str()));
      });
  progress.finish();
  return result;
}

void printSummary(const Json &summary, const Options &options) {
  std::printf("steps               %llu\n",
              (unsigned long long)summary["steps"].get<uint64_t>());
  std::printf("loss                %.4f -> %.4f\n",
              summary["first_loss"].get<double>(),
              summary["last_loss"].get<double>());
  if (!summary["validation_loss"].is_null())
    std::printf("validation loss     %.4f -> %.4f\n",
                summary["validation_loss_before"].get<double>(),
                summary["validation_loss"].get<double>());
  std::printf("tokens per second   %.1f\n",
              summary["tokens_per_second"].get<double>());
  printMemory("peak memory", /*width=*/19, summary);
  std::printf("adapter             %s\n", options.output.c_str());
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module = Module::load(options.model);
  if (!module.ok())
    return module.status();
  std::vector<std::string> names = {"train_micro", "train_apply"};
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
  if (Status status = prepareOutput(options); !status.ok())
    return status;

  Expected<Json> before = validate(**session, *adapter, *data, "before");
  if (!before.ok())
    return before.status();
  TrainOptions trainOptions = makeTrainOptions(**module, options, *data);
  Expected<TrainResult> result =
      trainWithProgress(**session, *adapter, *data, trainOptions, options.seed);
  if (!result.ok())
    return result.status();
  if (result->skippedBatches > 0)
    logLine(formatText("%llu batches had nothing to train and were skipped",
                       (unsigned long long)result->skippedBatches));
  Status saved = adapter->save(**session, options.output);
  if (!saved.ok())
    return saved;
  Expected<Json> after = validate(**session, *adapter, *data, "after");
  if (!after.ok())
    return after.status();

  Json summary = {
      {"steps", result->steps},
      {"first_loss", result->firstLoss},
      {"last_loss", result->lastLoss},
      {"validation_loss", *after},
      {"validation_loss_before", *before},
      {"tokens_per_second",
       result->seconds > 0 ? double(result->tokens) / result->seconds : 0.0}};
  describeMemory(**session, summary);
  if (common.json)
    printJson(summary);
  else
    printSummary(summary, options);
  return Status();
}

} // namespace

void sterna::addTrainCommand(CLI::App &app, const CommonOptions &common,
                             Action &action) {
  addCommand<Options>(app, common, action, "train", "Fine-tunes a LoRA adapter",
                      footer, describe, run);
}
