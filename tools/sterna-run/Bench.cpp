//===- Bench.cpp - sterna-run bench ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Speed of reading a prompt, of decoding and of training, on tokens drawn at
// random. What a token is does not change the work.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "generate/LanguageModel.h"
#include "random/SplitMix64.h"
#include "train/Adapter.h"
#include "train/TrainPrograms.h"

#include <algorithm>
#include <chrono>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  uint32_t prompt = 128;
  uint32_t generate = 64;
  uint32_t trainSteps = 5;
};

constexpr uint64_t seed = 42;
constexpr unsigned promptRuns = 5;

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run bench model.stn\n"
    "  sterna-run bench model.stn --threads 1 --prompt 0 --generate 0 "
    "--train-steps 10\n"
    "\n"
    "Each part runs once to warm up; the numbers are medians of what follows: "
    "of 5\nprompts, of N single tokens after the prompt, of N optimizer steps "
    "of one full\nmicro-batch each. 0 skips a part, and its numbers are "
    "null.\n";

void describe(CLI::App &command, Options &options) {
  addNumber(command, "--prompt", options.prompt,
            "tokens of the prompt (default 128)");
  addNumber(command, "--generate", options.generate,
            "tokens to decode (default 64)");
  addNumber(command, "--train-steps", options.trainSteps,
            "optimizer steps (default 5)");
}

std::vector<int32_t> randomTokens(uint64_t count, uint32_t vocabulary) {
  SplitMix64 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = int32_t(random.below(vocabulary));
  return tokens;
}

/// The programs that the parts asked for will run.
std::vector<uint32_t> choosePrograms(const Module &module,
                                     const Options &options) {
  std::vector<uint32_t> programs;
  if (options.prompt > 0 || options.generate > 0)
    for (uint32_t index : generatePrograms(module, /*lora=*/false)) {
      std::string name = module.plan().programs()->Get(index)->name()->str();
      bool decodes = name == "head" || name == "forward_1";
      if (options.prompt > 0 || decodes)
        programs.push_back(index);
    }
  if (options.trainSteps > 0)
    for (uint32_t index : trainPrograms(module))
      programs.push_back(index);
  return programs;
}

Status benchPrompt(LanguageModel &model, const Options &options,
                   Json &summary) {
  if (options.prompt > model.contextSize())
    return Status::error(formatText(
        "expected --prompt of at most the module's context of %u tokens, but "
        "got %u",
        model.contextSize(), options.prompt));
  std::vector<int32_t> tokens =
      randomTokens(options.prompt, model.vocabulary());
  std::vector<double> times;
  for (unsigned i = 0; i <= promptRuns; ++i) {
    model.reset();
    auto begin = std::chrono::steady_clock::now();
    if (Status status = model.append(tokens.data(), options.prompt);
        !status.ok())
      return status;
    if (i > 0)
      times.push_back(secondsSince(begin));
  }
  summary["prompt_tokens_per_second"] = options.prompt / median(times);
  return Status();
}

Status benchDecode(LanguageModel &model, const Options &options,
                   Json &summary) {
  uint64_t needed = uint64_t(options.generate) + 1; // one to warm up
  if (model.position() + needed > model.contextSize()) {
    logLine(formatText("prompt and decoding do not both fit the context of %u "
                       "tokens: decoding starts from an empty one",
                       model.contextSize()));
    model.reset();
  }
  if (needed > model.contextSize())
    return Status::error(formatText(
        "expected --generate below the module's context of %u tokens, but got "
        "%u",
        model.contextSize(), options.generate));
  std::vector<int32_t> tokens = randomTokens(needed, model.vocabulary());
  std::vector<double> times;
  for (size_t i = 0; i < tokens.size(); ++i) {
    auto begin = std::chrono::steady_clock::now();
    if (Status status = model.append(&tokens[i], 1); !status.ok())
      return status;
    if (Expected<const float *> logits = model.logits(); !logits.ok())
      return logits.status();
    if (i > 0)
      times.push_back(secondsSince(begin));
  }
  summary["decode_tokens_per_second"] = 1 / median(times);
  return Status();
}

Status benchTraining(Session &session, const Options &options, Json &summary) {
  const format::Model &model = session.module().model();
  Expected<Adapter> adapter = Adapter::createFresh(session, 16, seed);
  if (!adapter.ok())
    return adapter.status();
  Expected<TrainPrograms> programs =
      TrainPrograms::create(session, adapter->scale(), seed);
  if (!programs.ok())
    return programs.status();
  Batch batch;
  batch.tokens = randomTokens(uint64_t(model.batch()) * model.sequence_length(),
                              model.vocabulary());
  batch.labels = batch.tokens;
  uint64_t scored =
      uint64_t(model.batch()) * (std::max(2u, model.sequence_length()) - 1);
  OptimizerStep settings;
  settings.learningRate = 1e-5;
  settings.weightDecay = 0.01;
  settings.maxGradNorm = 1;
  OptimizerProgram &optimizer = programs->optimizerProgram();
  std::vector<double> times;
  for (uint32_t i = 0; i <= options.trainSteps; ++i) {
    auto begin = std::chrono::steady_clock::now();
    settings.step = i + 1;
    if (!optimizer.keepsGradients())
      optimizer.write(settings);
    Expected<float> loss = programs->micro(batch, float(1.0 / double(scored)),
                                           /*accumulate=*/false);
    if (!loss.ok())
      return loss.status();
    if (optimizer.keepsGradients())
      if (Expected<float> norm = optimizer.apply(settings); !norm.ok())
        return norm.status();
    if (i > 0)
      times.push_back(secondsSince(begin));
  }
  summary["train_seconds_per_step"] = median(times);
  summary["train_tokens_per_second"] =
      double(batch.tokens.size()) / median(times);
  return Status();
}

void printSummary(const Json &summary) {
  auto line = [&](const char *title, const char *key) {
    if (summary[key].is_null())
      std::printf("%-28s skipped\n", title);
    else
      std::printf("%-28s %.3f\n", title, summary[key].get<double>());
  };
  line("prompt, tokens/s", "prompt_tokens_per_second");
  line("decoding, tokens/s", "decode_tokens_per_second");
  line("training, seconds per step", "train_seconds_per_step");
  line("training, tokens/s", "train_tokens_per_second");
  printMemory("peak memory", /*width=*/28, summary);
}

Status benchAll(Session &session, const Options &options, Json &summary) {
  if (options.prompt > 0 || options.generate > 0) {
    Expected<LanguageModel> model =
        LanguageModel::create(session, /*lora=*/false, /*loraScale=*/0);
    if (!model.ok())
      return model.status();
    if (options.prompt > 0)
      if (Status status = benchPrompt(*model, options, summary); !status.ok())
        return status;
    if (options.generate > 0)
      if (Status status = benchDecode(*model, options, summary); !status.ok())
        return status;
  }
  if (options.trainSteps > 0)
    return benchTraining(session, options, summary);
  return Status();
}

Status run(const Options &given, const CommonOptions &common) {
  Options options = given;
  Expected<std::shared_ptr<const Module>> module =
      loadLanguageModel(options.model);
  if (!module.ok())
    return module.status();
  if (options.trainSteps > 0 && trainPrograms(**module).empty()) {
    logLine("the module was compiled with --no-train: training is skipped");
    options.trainSteps = 0;
  }
  Expected<std::unique_ptr<Session>> session = Session::create(
      *module, choosePrograms(**module, options), common.device);
  if (!session.ok())
    return session.status();
  Json summary = {{"prompt_tokens_per_second", nullptr},
                  {"decode_tokens_per_second", nullptr},
                  {"train_seconds_per_step", nullptr},
                  {"train_tokens_per_second", nullptr}};
  if (Status status = benchAll(**session, options, summary); !status.ok())
    return status;
  describeMemory(**session, summary);
  if (common.json)
    printJson(summary);
  else
    printSummary(summary);
  return Status();
}

} // namespace

void sterna::addBenchCommand(CLI::App &app, const CommonOptions &common,
                             Action &action) {
  addCommand<Options>(app, common, action, "bench",
                      "Speed of prompt, decoding and training", footer,
                      describe, run);
}
