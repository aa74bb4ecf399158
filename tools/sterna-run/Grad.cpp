//===- Grad.cpp - sterna-run grad -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the gradients of one sample, of a graph of one batch, computed by the
// program that training runs, for comparison with other implementations.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "io/Safetensors.h"
#include "train/Gradients.h"
#include "train/GraphBatches.h"
#include "train/GraphParameters.h"

#include <cmath>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::string data;
  std::string adapter;
  std::string output;
  uint64_t seed = 42;
  bool assistantOnlyLoss = false;
  std::string parameters;
};

constexpr const char *footer =
    "Example:\n"
    "  sterna-run grad model.stn --data one.jsonl --adapter tuned "
    "-o gradients.safetensors\n"
    "\n"
    "Takes the first sample of the data. The loss is the mean over its scored\n"
    "tokens; the gradients are named as the adapter's matrices. Of a graph, "
    "takes\nthe first batch; the gradients are named as its initializers.\n";

void describe(CLI::App &command, Options &options) {
  command
      .add_option("--data", options.data,
                  "text or JSON lines; of a graph, an .npz file")
      ->required();
  command.add_option("--adapter", options.adapter,
                     "folder of a PEFT adapter; of a language model alone, and "
                     "needed there");
  command.add_option("--parameters", options.parameters,
                     "of a graph: trained parameters in place of the model's");
  command
      .add_option("-o,--output", options.output, "file to write (.safetensors)")
      ->required();
  addNumber(command, "--seed", options.seed,
            "seed of stochastic rounding, of a model compiled with "
            "--gradient-type=int8 (default 42)");
  command.add_flag("--assistant-loss-only", options.assistantOnlyLoss,
                   "score only what the assistant says");
}

/// Writes matrices, named as in an adapter.
Status saveMatrices(const PeftAdapter &adapter, const std::string &path) {
  std::vector<NamedTensorView> tensors;
  uint64_t rank = adapter.config.rank;
  for (const LoraPair &pair : adapter.pairs) {
    tensors.push_back({peftTensorName(pair.layer, pair.target, 'A'),
                       {rank, pair.in},
                       pair.a.data()});
    tensors.push_back({peftTensorName(pair.layer, pair.target, 'B'),
                       {pair.out, rank},
                       pair.b.data()});
  }
  return writeSafetensors(path, std::move(tensors));
}

Status report(float loss, const Options &options, const CommonOptions &common) {
  if (common.json)
    printJson({{"loss", loss}});
  else
    std::printf("loss %.6f, gradients written to %s\n", double(loss),
                options.output.c_str());
  return Status();
}

Status runGraph(const std::shared_ptr<const Module> &module,
                const Options &options, const CommonOptions &common) {
  if (!options.adapter.empty() || options.assistantOnlyLoss)
    return Status::error(
        std::string(options.adapter.empty() ? "--assistant-loss-only"
                                            : "--adapter") +
        " is about language models, but '" + options.model + "' is a graph");
  Expected<std::unique_ptr<Session>> session =
      prepareGraph(module, {"train_micro"}, options.parameters, common.device);
  if (!session.ok())
    return session.status();
  Expected<GraphData> data = GraphData::open(*module, options.data);
  if (!data.ok())
    return data.status();
  GraphBatches::Options order;
  order.shuffle = false;
  auto batches = GraphBatches::create(**session, *data, order);
  if (!batches.ok())
    return batches.status();
  (*batches)->prepare(0);
  Expected<float> loss = (*batches)->run(0, /*lossScale=*/1);
  if (!loss.ok())
    return loss.status();
  if (!std::isfinite(*loss))
    return Status::error("the loss is not finite");
  if (Status status = saveGradients(**session, options.output); !status.ok())
    return status;
  return report(*loss, options, common);
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module = Module::load(options.model);
  if (!module.ok())
    return module.status();
  if ((*module)->isGraph())
    return runGraph(*module, options, common);
  if (options.adapter.empty())
    return Status::error("--adapter is missing: gradients are those of an "
                         "adapter's matrices");
  if (!options.parameters.empty())
    return Status::error("--parameters is about graphs, but '" + options.model +
                         "' is a language model");
  Expected<std::vector<uint32_t>> programs =
      findPrograms(**module, {"train_micro", "train_apply"});
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
  Expected<Adapter> adapter = Adapter::load(**session, options.adapter);
  if (!adapter.ok())
    return adapter.status();
  Expected<SampleGradients> result =
      computeGradients(**session, *adapter, *data, options.seed);
  if (!result.ok())
    return Status::error("'" + options.data +
                         "': " + result.status().message());
  if (Status status = saveMatrices(result->gradients, options.output);
      !status.ok())
    return status;
  return report(result->loss, options, common);
}

} // namespace

void sterna::addGradCommand(CLI::App &app, const CommonOptions &common,
                            Action &action) {
  addCommand<Options>(app, common, action, "grad",
                      "Gradients of one training sample, or of a graph's batch",
                      footer, describe, run);
}
