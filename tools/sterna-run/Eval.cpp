//===- Eval.cpp - sterna-run eval -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loss and perplexity of a data set, with or without an adapter.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "train/Adapter.h"
#include "train/Evaluator.h"

#include <cmath>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::string data;
  std::string adapter;
  bool assistantOnlyLoss = false;
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run eval model.stn --data held-out.txt\n"
    "  sterna-run eval model.stn --data chats.jsonl --assistant-loss-only "
    "--adapter tuned\n"
    "\n"
    "The loss is the mean over all scored tokens, in nats; perplexity is its\n"
    "exponential. Data are read as 'sterna-run train --help' describes.\n";

void describe(CLI::App &command, Options &options) {
  command.add_option("--data", options.data, "text or JSON lines")->required();
  command.add_option("--adapter", options.adapter, "folder of a PEFT adapter");
  command.add_flag("--assistant-loss-only", options.assistantOnlyLoss,
                   "score only what the assistant says");
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module =
      loadLanguageModel(options.model);
  if (!module.ok())
    return module.status();
  bool lora = !options.adapter.empty();
  Expected<std::vector<uint32_t>> programs =
      findPrograms(**module, {lora ? "eval_lora" : "eval"});
  if (!programs.ok())
    return programs.status();
  Expected<ModelData> data =
      loadData(**module, options.data, options.assistantOnlyLoss);
  if (!data.ok())
    return data.status();
  Expected<std::unique_ptr<Session>> session =
      Session::create(*module, *programs, common.device);
  if (!session.ok())
    return session.status();
  float scale = 0;
  if (lora) {
    Expected<Adapter> adapter = Adapter::load(**session, options.adapter);
    if (!adapter.ok())
      return adapter.status();
    scale = adapter->scale();
  }
  Expected<Evaluator> evaluator = Evaluator::create(**session, lora, scale);
  if (!evaluator.ok())
    return evaluator.status();
  Progress progress;
  Expected<EvaluationResult> result = evaluator->evaluate(
      data->dataset.samples, data->padToken,
      [&](uint64_t done, uint64_t total) {
        progress.update(done, total,
                        formatText("batch %llu/%llu", (unsigned long long)done,
                                   (unsigned long long)total));
        return true;
      });
  progress.finish();
  if (!result.ok())
    return result.status();
  double perplexity = std::exp(result->loss);
  if (common.json)
    printJson({{"loss", result->loss},
               {"perplexity", perplexity},
               {"tokens", result->tokens}});
  else
    std::printf("loss %.4f  perplexity %.3f  tokens %llu\n", result->loss,
                perplexity, (unsigned long long)result->tokens);
  return Status();
}

} // namespace

void sterna::addEvalCommand(CLI::App &app, const CommonOptions &common,
                            Action &action) {
  addCommand<Options>(app, common, action, "eval",
                      "Loss and perplexity of a data set", footer, describe,
                      run);
}
