//===- Setup.cpp - From file names to things that run ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Setup.h.
//
//===----------------------------------------------------------------------===//

#include "Setup.h"

#include "Report.h"
#include "train/Adapter.h"

using namespace sterna;

Expected<Tokenizer> sterna::makeTokenizer(const Module &module) {
  const format::Tokenizer *stored = module.metadata().tokenizer();
  if (!stored)
    return Status::error("the module has no tokenizer");
  if (stored->model()->str() != "llama")
    return Status::error("expected a tokenizer of the kind 'llama', but got '" +
                         stored->model()->str() + "'");
  TokenizerData data;
  for (const flatbuffers::String *piece : orEmpty(stored->pieces()))
    data.pieces.push_back(piece->str());
  const auto &scores = orEmpty(stored->scores());
  data.scores.assign(scores.begin(), scores.end());
  const auto &types = orEmpty(stored->types());
  data.types.assign(types.begin(), types.end());
  data.bos = stored->bos();
  data.eos = stored->eos();
  data.unk = stored->unk();
  data.pad = stored->pad();
  data.addBos = stored->add_bos();
  data.addSpacePrefix = stored->add_space_prefix();
  const auto &ends = orEmpty(stored->end_ids());
  data.endIds.assign(ends.begin(), ends.end());
  return Tokenizer::create(std::move(data));
}

void sterna::noteContext(const Module &module, uint64_t tokens,
                         const char *what) {
  uint32_t known = module.model().model_context();
  if (known != 0 && tokens > known)
    logOnce(formatText("%s of %llu tokens, but the model was made for a "
                       "context of %u: what lies beyond may be worse",
                       what, (unsigned long long)tokens, known));
}

Expected<Data> sterna::loadData(const Module &module, const std::string &path,
                                bool assistantOnlyLoss) {
  const format::Model &model = module.model();
  DatasetOptions options;
  options.sequenceLength = model.sequence_length();
  options.vocabularySize = int32_t(model.vocabulary());
  options.assistantOnlyLoss = assistantOnlyLoss;
  noteContext(module, options.sequenceLength, "sequences");
  Data data;
  std::optional<Tokenizer> tokenizer;
  if (const format::Tokenizer *stored = module.metadata().tokenizer()) {
    Expected<Tokenizer> made = makeTokenizer(module);
    if (!made.ok())
      return made.status();
    tokenizer.emplace(std::move(*made));
    data.padToken = tokenizer->padOrDefault();
    if (stored->chat_template())
      options.chatTemplate = stored->chat_template()->str();
  }
  Expected<Dataset> dataset =
      loadDataset(path, tokenizer ? &*tokenizer : nullptr, options);
  if (!dataset.ok())
    return dataset.status();
  data.dataset = std::move(*dataset);
  const Dataset &loaded = data.dataset;
  for (const std::string &notice : loaded.notices)
    logOnce(notice);
  logLine(formatText("%s: %llu rows, %llu samples of at most %u tokens, "
                     "%llu tokens, %llu of them scored",
                     path.c_str(), (unsigned long long)loaded.rows,
                     (unsigned long long)loaded.samples.size(),
                     model.sequence_length(), (unsigned long long)loaded.tokens,
                     (unsigned long long)loaded.trainedTokens));
  return data;
}

Expected<Generator>
sterna::prepareGenerator(std::shared_ptr<const Module> module,
                         const std::string &adapter,
                         const DeviceOptions &device) {
  bool lora = !adapter.empty();
  Generator generator;
  Expected<std::unique_ptr<Session>> session =
      Session::create(module, generatePrograms(*module, lora), device);
  if (!session.ok())
    return session.status();
  generator.session = std::move(*session);
  float scale = 0;
  if (lora) {
    Expected<Adapter> loaded = Adapter::load(*generator.session, adapter);
    if (!loaded.ok())
      return loaded.status();
    scale = loaded->scale();
  }
  Expected<LanguageModel> model =
      LanguageModel::create(*generator.session, lora, scale);
  if (!model.ok())
    return model.status();
  generator.model.emplace(std::move(*model));
  return generator;
}
