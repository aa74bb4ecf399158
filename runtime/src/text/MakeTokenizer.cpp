//===- MakeTokenizer.cpp - The tokenizer in a module ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See MakeTokenizer.h.
//
//===----------------------------------------------------------------------===//

#include "text/MakeTokenizer.h"

#include "text/BytePairFormat.h"
#include "text/BytePairTokenizer.h"
#include "text/SentencePieceTokenizer.h"

using namespace sterna;

namespace {

using Made = Expected<std::shared_ptr<const TokenizerInterface>>;

Made makeSentencePiece(const format::Tokenizer &stored) {
  TokenizerData data;
  for (const flatbuffers::String *piece : orEmpty(stored.pieces()))
    data.pieces.push_back(piece->str());
  const auto &scores = orEmpty(stored.scores());
  data.scores.assign(scores.begin(), scores.end());
  const auto &types = orEmpty(stored.types());
  data.types.assign(types.begin(), types.end());
  data.bos = stored.bos();
  data.eos = stored.eos();
  data.unk = stored.unk();
  data.pad = stored.pad();
  data.addBos = stored.add_bos();
  data.addSpacePrefix = stored.add_space_prefix();
  const auto &ends = orEmpty(stored.end_ids());
  data.endIds.assign(ends.begin(), ends.end());
  Expected<SentencePieceTokenizer> made =
      SentencePieceTokenizer::create(std::move(data));
  if (!made.ok())
    return made.status();
  std::shared_ptr<const TokenizerInterface> tokenizer =
      std::make_shared<SentencePieceTokenizer>(std::move(*made));
  return tokenizer;
}

Made makeBytePairs(const format::Tokenizer &stored) {
  Expected<BytePairData> data = readBytePairs(stored);
  if (!data.ok())
    return data.status();
  Expected<BytePairTokenizer> made =
      BytePairTokenizer::create(std::move(*data));
  if (!made.ok())
    return made.status();
  std::shared_ptr<const TokenizerInterface> tokenizer =
      std::make_shared<BytePairTokenizer>(std::move(*made));
  return tokenizer;
}

} // namespace

Made sterna::makeTokenizer(const Module &module) {
  const format::Tokenizer *stored = module.metadata().tokenizer();
  if (!stored)
    return Status::error("the module has no tokenizer");
  if (stored->model()->string_view() == "llama")
    return makeSentencePiece(*stored);
  if (stored->model()->string_view() == "bpe")
    return makeBytePairs(*stored);
  return Status::error(
      "expected a tokenizer of the kind 'llama' or 'bpe', but got '" +
      stored->model()->str() + "'");
}

std::string sterna::chatTemplateOf(const Module &module) {
  const format::Tokenizer *stored = module.metadata().tokenizer();
  return stored && stored->chat_template() ? stored->chat_template()->str()
                                           : std::string();
}
