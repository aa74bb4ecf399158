//===- WriteTokenizerJson.cpp - A tokenizer.json --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WriteTokenizerJson.h. Steps that no vocabulary of GGUF has are never
// asked for: folders pass their own files on.
//
//===----------------------------------------------------------------------===//

#include "WriteTokenizerJson.h"

#include "llvm/Support/ErrorHandling.h"

using namespace sterna;
using Json = nlohmann::json;

static Json makePattern(const TextStep &step) {
  return {{step.has(IsRegex) ? "Regex" : "String", step.pattern}};
}

static const char *nameBehavior(SplitBehavior behavior) {
  constexpr const char *names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                   "MergedWithNext", "Contiguous"};
  return names[static_cast<size_t>(behavior)];
}

static Json makeByteLevel(const TextStep &step) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", step.has(AddPrefixSpace)},
          {"trim_offsets", true},
          {"use_regex", step.has(UseRegex)}};
}

static Json makeStep(const TextStep &step) {
  switch (step.kind) {
  case StepKind::Nfc:
    return {{"type", "NFC"}};
  case StepKind::Prepend:
    return {{"type", "Prepend"}, {"prepend", step.content}};
  case StepKind::Replace:
    return {{"type", "Replace"},
            {"pattern", makePattern(step)},
            {"content", step.content}};
  case StepKind::Split:
    return {{"type", "Split"},
            {"pattern", makePattern(step)},
            {"behavior", nameBehavior(step.behavior)},
            {"invert", step.has(Invert)}};
  case StepKind::ByteLevel:
    return makeByteLevel(step);
  case StepKind::Digits:
    return {{"type", "Digits"}, {"individual_digits", step.has(Individual)}};
  case StepKind::Punctuation:
    return {{"type", "Punctuation"}, {"behavior", nameBehavior(step.behavior)}};
  case StepKind::ByteFallback:
    return {{"type", "ByteFallback"}};
  case StepKind::Fuse:
    return {{"type", "Fuse"}};
  case StepKind::Strip: // as a decoder
    return {{"type", "Strip"},
            {"content", step.content},
            {"start", 1},
            {"stop", 0}};
  default:
    llvm_unreachable("no vocabulary of GGUF has such a step");
  }
}

/// One step, a sequence of several under `list`, or null for none.
static Json makeSteps(const std::vector<TextStep> &steps, const char *list) {
  if (steps.empty())
    return nullptr;
  if (steps.size() == 1)
    return makeStep(steps[0]);
  Json members = Json::array();
  for (const TextStep &step : steps)
    members.push_back(makeStep(step));
  return {{"type", "Sequence"}, {list, std::move(members)}};
}

static Json makeAdded(const AddedToken &token) {
  return {{"id", token.id},
          {"content", token.content},
          {"single_word", token.has(SingleWord)},
          {"lstrip", token.has(StripLeft)},
          {"rstrip", token.has(StripRight)},
          {"normalized", token.has(Normalized)},
          {"special", token.has(IsSpecial)}};
}

/// How `data` spells token `id`.
static std::string spell(const BytePairData &data, int32_t id) {
  for (const AddedToken &token : data.added)
    if (token.id == id)
      return token.content;
  return data.pieces[static_cast<size_t>(id)];
}

/// Puts BOS before a text.
static Json makePostProcessor(const BytePairData &data) {
  if (!data.addBos)
    return nullptr;
  std::string bos = spell(data, data.bos);
  Json first = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  Json second = {{"SpecialToken", {{"id", bos}, {"type_id", 1}}}};
  Json other = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  Json token = {{"id", bos},
                {"ids", Json::array({data.bos})},
                {"tokens", Json::array({bos})}};
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({first, text})},
          {"pair", Json::array({first, text, second, other})},
          {"special_tokens", {{bos, token}}}};
}

static Json makeModel(const BytePairData &data) {
  Json vocabulary = Json::object();
  for (size_t id = 0; id < data.pieces.size(); ++id)
    if (!data.pieces[id].empty())
      vocabulary.emplace(data.pieces[id], id);
  Json merges = Json::array();
  for (size_t i = 0; i < data.merges.size(); i += 2)
    merges.push_back(
        Json::array({data.pieces[static_cast<size_t>(data.merges[i])],
                     data.pieces[static_cast<size_t>(data.merges[i + 1])]}));
  bool hasUnknown =
      data.unk >= 0 && !data.pieces[static_cast<size_t>(data.unk)].empty();
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", hasUnknown ? Json(spell(data, data.unk)) : Json()},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", data.fuseUnk},
          {"byte_fallback", data.byteFallback},
          {"ignore_merges", data.ignoreMerges},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

Json sterna::makeTokenizerJson(const BytePairData &data) {
  Json added = Json::array();
  for (const AddedToken &token : data.added)
    added.push_back(makeAdded(token));
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", makeSteps(data.normalizers, "normalizers")},
          {"pre_tokenizer", makeSteps(data.preTokenizers, "pretokenizers")},
          {"post_processor", makePostProcessor(data)},
          {"decoder", makeSteps(data.decoders, "decoders")},
          {"model", makeModel(data)}};
}
