//===- BytePairFormat.cpp - Byte-pair tokenizers in device binaries -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BytePairFormat.h.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairFormat.h"

#include "module_generated.h"

using namespace sterna;

namespace {

using Steps =
    flatbuffers::Vector<flatbuffers::Offset<sterna::format::TextStep>>;

flatbuffers::Offset<Steps> writeSteps(flatbuffers::FlatBufferBuilder &builder,
                                      const std::vector<TextStep> &steps) {
  std::vector<flatbuffers::Offset<format::TextStep>> written;
  for (const TextStep &step : steps)
    written.push_back(format::CreateTextStepDirect(
        builder, static_cast<int32_t>(step.kind), step.pattern.c_str(),
        step.content.c_str(), static_cast<int32_t>(step.behavior), step.flags));
  return builder.CreateVector(written);
}

std::string textOf(const flatbuffers::String *text) {
  return text ? text->str() : std::string();
}

std::vector<TextStep> readSteps(const Steps *steps) {
  std::vector<TextStep> result;
  if (!steps)
    return result;
  for (const format::TextStep *stored : *steps) {
    TextStep step;
    step.kind = static_cast<StepKind>(stored->kind());
    step.pattern = textOf(stored->pattern());
    step.content = textOf(stored->content());
    step.behavior = static_cast<SplitBehavior>(stored->behavior());
    step.flags = stored->flags();
    result.push_back(std::move(step));
  }
  return result;
}

template <typename T>
std::vector<T> readNumbers(const flatbuffers::Vector<T> *numbers) {
  if (!numbers)
    return {};
  return std::vector<T>(numbers->begin(), numbers->end());
}

} // namespace

std::string sterna::writeBytePairs(const BytePairData &data) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<format::AddedToken>> added;
  for (const AddedToken &token : data.added)
    added.push_back(format::CreateAddedTokenDirect(
        builder, token.id, token.content.c_str(), token.flags));
  auto merges = builder.CreateVector(data.merges);
  auto tokens = builder.CreateVector(added);
  auto normalizers = writeSteps(builder, data.normalizers);
  auto preTokenizers = writeSteps(builder, data.preTokenizers);
  auto decoders = writeSteps(builder, data.decoders);
  builder.Finish(format::CreateBytePairs(
      builder, merges, data.ignoreMerges, data.byteFallback, data.fuseUnk,
      data.addEos, tokens, normalizers, preTokenizers, decoders));
  return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                     builder.GetSize());
}

static BytePairData readStored(const format::BytePairs &stored) {
  BytePairData data;
  data.merges = readNumbers(stored.merges());
  data.ignoreMerges = stored.ignore_merges();
  data.byteFallback = stored.byte_fallback();
  data.fuseUnk = stored.fuse_unk();
  data.addEos = stored.add_eos();
  if (stored.added())
    for (const format::AddedToken *token : *stored.added())
      data.added.push_back(
          {token->id(), textOf(token->content()), token->flags()});
  data.normalizers = readSteps(stored.normalizers());
  data.preTokenizers = readSteps(stored.pre_tokenizers());
  data.decoders = readSteps(stored.decoders());
  return data;
}

BytePairData sterna::readBytePairs(const std::string &buffer) {
  return readStored(*flatbuffers::GetRoot<format::BytePairs>(buffer.data()));
}

Expected<BytePairData>
sterna::readBytePairs(const format::Tokenizer &tokenizer) {
  if (!tokenizer.byte_pairs() || tokenizer.byte_pairs()->size() == 0)
    return Status::error("the module's tokenizer lacks its byte pairs");
  BytePairData data = readStored(*tokenizer.byte_pairs_nested_root());
  if (tokenizer.pieces())
    for (const flatbuffers::String *piece : *tokenizer.pieces())
      data.pieces.push_back(piece->str());
  data.bos = tokenizer.bos();
  data.eos = tokenizer.eos();
  data.unk = tokenizer.unk();
  data.pad = tokenizer.pad();
  data.addBos = tokenizer.add_bos();
  data.endIds = readNumbers(tokenizer.end_ids());
  return data;
}
