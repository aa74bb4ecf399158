//===- ModelData.cpp - Data sets in the shape that a module takes ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ModelData.h.
//
//===----------------------------------------------------------------------===//

#include "train/ModelData.h"

#include "text/MakeTokenizer.h"
#include "train/BatchInputs.h"

using namespace sterna;

namespace {

Expected<DatasetOptions> optionsFor(const Module &module) {
  if (module.isGraph())
    return Status::error("expected a language model to read data for, but the "
                         "module is a graph's");
  DatasetOptions options;
  options.sequenceLength = module.model().sequence_length();
  options.vocabularySize = int32_t(module.model().vocabulary());
  options.chatTemplate = chatTemplateOf(module);
  return options;
}

Expected<ModelData> padded(Expected<Dataset> dataset,
                           const TokenizerInterface *tokenizer) {
  if (!dataset.ok())
    return dataset.status();
  int32_t padToken = tokenizer ? tokenizer->padOrDefault() : 0;
  return ModelData{std::move(*dataset), padToken};
}

} // namespace

Expected<ModelData> sterna::loadModelData(const Module &module,
                                          const TokenizerInterface *tokenizer,
                                          const std::string &path,
                                          bool assistantOnlyLoss) {
  Expected<DatasetOptions> options = optionsFor(module);
  if (!options.ok())
    return options.status();
  options->assistantOnlyLoss = assistantOnlyLoss;
  return padded(loadDataset(path, tokenizer, *options), tokenizer);
}

Expected<ModelData> sterna::parseModelData(const Module &module,
                                           const TokenizerInterface *tokenizer,
                                           const std::string &path,
                                           std::string_view content,
                                           bool assistantOnlyLoss) {
  Expected<DatasetOptions> options = optionsFor(module);
  if (!options.ok())
    return options.status();
  options->assistantOnlyLoss = assistantOnlyLoss;
  return padded(parseDataset(path, content, tokenizer, *options), tokenizer);
}

Expected<ModelData> sterna::makeModelData(const Module &module,
                                          const TokenizerInterface *tokenizer,
                                          std::vector<Sample> rows) {
  Expected<DatasetOptions> options = optionsFor(module);
  if (!options.ok())
    return options.status();
  return padded(makeDataset(std::move(rows), *options), tokenizer);
}

uint64_t sterna::countSequences(const Module &module, const ModelData &data) {
  const std::vector<Sample> &samples = data.dataset.samples;
  if (!isPacked(module))
    return samples.size();
  return packSamples(samples, module.model().sequence_length()).sequences();
}

Expected<ModelData> sterna::splitModelData(const Module &module,
                                           ModelData &data, double fraction,
                                           uint64_t seed) {
  Expected<Dataset> held = splitValidation(
      data.dataset, fraction, module.model().sequence_length(), seed);
  if (!held.ok())
    return held.status();
  return ModelData{std::move(*held), data.padToken};
}
