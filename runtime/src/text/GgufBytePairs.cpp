//===- GgufBytePairs.cpp - Byte-pair vocabularies as GGUF has them --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GgufBytePairs.h. The table has names whose way to split text was checked
// against a published tokenizer.json, or against pairs of text and ids.
//
//===----------------------------------------------------------------------===//

#include "text/GgufBytePairs.h"

#include "io/Escape.h"
#include "io/Text.h"
#include "text/EndOfTurn.h"
#include "text/SentencePieceTokenizer.h"

#include <unordered_map>

using namespace sterna;

namespace {

constexpr std::string_view llama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view qwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view gpt4oPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TextStep makeStep(StepKind kind, uint32_t flags = 0,
                  std::string_view pattern = {},
                  SplitBehavior behavior = SplitBehavior::Isolated) {
  TextStep step;
  step.kind = kind;
  step.pattern = std::string(pattern);
  step.behavior = behavior;
  step.flags = flags;
  return step;
}

std::vector<TextStep> splitBytes(std::string_view pattern) {
  return {makeStep(StepKind::Split, IsRegex, pattern),
          makeStep(StepKind::ByteLevel)};
}

/// A way to split text, and what goes with it in the models that use it.
struct Scheme {
  std::vector<std::string_view> names;
  std::vector<TextStep> normalizers;
  std::vector<TextStep> preTokenizers;
  bool ignoreMerges = false;
  bool addBos = false;
};

const std::vector<Scheme> &schemes() {
  static const std::vector<Scheme> table = {
      {{"gpt-2"}, {}, {makeStep(StepKind::ByteLevel, UseRegex)}, false, false},
      {{"falcon"},
       {},
       {makeStep(StepKind::Punctuation, 0, {}, SplitBehavior::Contiguous),
        makeStep(StepKind::ByteLevel, UseRegex), makeStep(StepKind::Digits),
        makeStep(StepKind::Split, IsRegex, "[0-9][0-9][0-9]")},
       false,
       false},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "falcon_e"},
       {},
       splitBytes(llama3Pattern),
       true,
       true},
      {{"qwen2"},
       {makeStep(StepKind::Nfc)},
       splitBytes(qwen2Pattern),
       false,
       false},
      {{"gpt-4o"}, {}, splitBytes(gpt4oPattern), true, false},
  };
  return table;
}

Expected<const Scheme *> findScheme(const std::string &name) {
  std::string known;
  for (const Scheme &scheme : schemes()) {
    if (contains(scheme.names, std::string_view(name)))
      return &scheme;
    for (std::string_view each : scheme.names)
      known += (known.empty() ? "" : ", ") + std::string(each);
  }
  return Status::error("expected the pre-tokenizer to be one of " + known +
                       ", but got '" + excerpt(name) + "'");
}

class FactsReader {
public:
  explicit FactsReader(GgufBytePairs facts) : facts(std::move(facts)) {}

  Expected<BytePairData> run() {
    Expected<const Scheme *> scheme = findScheme(facts.pre);
    if (!scheme.ok())
      return scheme.status();
    if (facts.addSpacePrefix)
      return Status::error("a space before text is not supported for "
                           "byte-level vocabularies");
    if (Status status = readTokens(); !status.ok())
      return status;
    if (Status status = readMerges(); !status.ok())
      return status;
    data.normalizers = (*scheme)->normalizers;
    data.preTokenizers = (*scheme)->preTokenizers;
    data.decoders = {makeStep(StepKind::ByteLevel)};
    data.ignoreMerges = (*scheme)->ignoreMerges;
    data.bos = facts.bos;
    data.eos = facts.eos;
    data.unk = facts.unk;
    data.pad = facts.pad;
    data.addBos = facts.addBos.value_or((*scheme)->addBos) && facts.bos >= 0;
    data.endIds = std::move(facts.endIds);
    for (const AddedToken &token : data.added)
      if (contains(endOfTurn, std::string_view(token.content)) &&
          !contains(data.endIds, token.id))
        data.endIds.push_back(token.id);
    return std::move(data);
  }

private:
  TokenType typeOf(size_t id) const {
    return facts.types.empty() ? TokenType::Normal
                               : static_cast<TokenType>(facts.types[id]);
  }

  Status readTokens() {
    size_t count = facts.tokens.size();
    if (count > INT32_MAX)
      return Status::error("there are " + std::to_string(count) + " tokens");
    if (!facts.types.empty() && facts.types.size() != count)
      return Status::error("expected " + std::to_string(count) +
                           " token types, but got " +
                           std::to_string(facts.types.size()));
    data.pieces.resize(count);
    for (size_t i = 0; i < count; ++i) {
      int32_t id = static_cast<int32_t>(i);
      const std::string &token = facts.tokens[i];
      TokenType type = typeOf(i);
      if (type < TokenType::Normal || type > TokenType::Byte)
        return Status::error("expected the type of token " + std::to_string(i) +
                             " to be 1 to 6, but got " +
                             std::to_string(facts.types[i]));
      ids.emplace(token, id);
      if (type == TokenType::Control)
        data.added.push_back({id, token, IsSpecial});
      else if (type == TokenType::UserDefined)
        data.added.push_back({id, token, 0});
      else
        data.pieces[i] = token;
    }
    return Status::success();
  }

  /// The id of a piece. An added token that merges is a piece as well.
  int32_t findPiece(const std::string &piece) {
    auto found = ids.find(piece);
    if (found == ids.end() || piece.empty())
      return -1;
    data.pieces[static_cast<size_t>(found->second)] = piece;
    return found->second;
  }

  Status readMerges() {
    for (size_t i = 0; i < facts.merges.size(); ++i) {
      const std::string &merge = facts.merges[i];
      size_t space = merge.find(' ', 1);
      std::string left = merge.substr(0, space);
      std::string right =
          space == std::string::npos ? std::string() : merge.substr(space + 1);
      int32_t first = findPiece(left), second = findPiece(right);
      if (first < 0 || second < 0 || findPiece(left + right) < 0)
        return Status::error("expected merge " + std::to_string(i) +
                             " to make a piece of two, but got '" +
                             excerpt(merge) + "'");
      data.merges.push_back(first);
      data.merges.push_back(second);
    }
    return Status::success();
  }

  GgufBytePairs facts;
  BytePairData data;
  std::unordered_map<std::string, int32_t> ids;
};

} // namespace

Expected<BytePairData> sterna::readGgufBytePairs(GgufBytePairs facts) {
  return FactsReader(std::move(facts)).run();
}

std::string sterna::findGgufSplit(const BytePairData &data) {
  for (const Scheme &scheme : schemes())
    if (scheme.normalizers == data.normalizers &&
        scheme.preTokenizers == data.preTokenizers &&
        scheme.ignoreMerges == data.ignoreMerges)
      return std::string(scheme.names.front());
  return {};
}
