//===- SentencePieceMerges.cpp - Scores as merges -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SentencePieceMerges.h.
//
//===----------------------------------------------------------------------===//

#include "SentencePieceMerges.h"

#include "io/Utf8.h"
#include "sterna/Weights/WeightSource.h"
#include "text/SentencePieceTokenizer.h"

#include "llvm/ADT/STLExtras.h"

#include <unordered_map>

// No using-directives: the runtime has an Expected of its own.
using llvm::Error;
using llvm::Twine;
using sterna::StepKind;
using sterna::TextStep;

/// U+2581, which stands for a space inside pieces.
static constexpr char spaceMark[] = "\xE2\x96\x81";

namespace {

class MergeMaker {
public:
  explicit MergeMaker(const sterna::TokenizerDescription &tokenizer)
      : tokenizer(tokenizer) {}

  llvm::Expected<sterna::BytePairData> run() {
    for (auto make : {&MergeMaker::indexPieces, &MergeMaker::checkBytes,
                      &MergeMaker::makeMerges})
      if (Error error = (this->*make)())
        return std::move(error);
    addTokens();
    addSteps();
    data.byteFallback = true;
    data.fuseUnk = true;
    data.bos = tokenizer.bos;
    data.eos = tokenizer.eos;
    data.unk = tokenizer.unk;
    data.pad = tokenizer.pad;
    data.addBos = tokenizer.addBos && tokenizer.bos >= 0;
    return std::move(data);
  }

private:
  static Error refuse(const Twine &what) {
    return llvm::createStringError("tokenizer: " + what +
                                   ", which tokenizer.json cannot say; write "
                                   "GGUF instead");
  }

  std::string describe(int32_t id) const {
    return "token " + std::to_string(id) + ", " +
           sterna::quoteText(tokenizer.pieces[size_t(id)]);
  }

  Error indexPieces() {
    data.pieces = tokenizer.pieces;
    for (size_t id = 0; id < data.pieces.size(); ++id) {
      if (data.pieces[id].empty())
        continue;
      auto [it, isNew] = ids.emplace(data.pieces[id], int32_t(id));
      if (!isNew)
        return refuse(describe(int32_t(id)) + ", is token " +
                      Twine(it->second) + " again");
    }
    return Error::success();
  }

  int32_t find(std::string_view piece) const {
    auto found = ids.find(std::string(piece));
    return found == ids.end() ? -1 : found->second;
  }

  /// With all of them, nothing is ever unknown.
  Error checkBytes() {
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      if (find(name) < 0)
        return refuse(Twine("there is no token ") + name +
                      " for bytes that are no piece");
    }
    return Error::success();
  }

  /// A way to make a piece of two.
  struct Merge {
    int32_t piece, left, right;
  };

  /// Highest scores first. Pairs of one piece have one score, and the order
  /// among them has no effect as long as no two meet in a text.
  Error makeMerges() {
    std::vector<Merge> merges;
    for (size_t id = 0; id < data.pieces.size(); ++id)
      addMergesOf(int32_t(id), merges);
    auto scoreOf = [&](const Merge &merge) {
      return tokenizer.scores[size_t(merge.piece)];
    };
    llvm::sort(merges, [&](const Merge &a, const Merge &b) {
      return std::tuple(-scoreOf(a), a.piece, a.left, a.right) <
             std::tuple(-scoreOf(b), b.piece, b.left, b.right);
    });
    for (size_t i = 0; i < merges.size(); ++i) {
      if (i && merges[i].piece != merges[i - 1].piece &&
          scoreOf(merges[i]) == scoreOf(merges[i - 1]))
        return refuse(describe(merges[i].piece) + ", has the score of " +
                      describe(merges[i - 1].piece));
      data.merges.push_back(merges[i].left);
      data.merges.push_back(merges[i].right);
    }
    return Error::success();
  }

  void addMergesOf(int32_t id, std::vector<Merge> &merges) const {
    std::string_view piece = data.pieces[size_t(id)];
    if (piece.empty())
      return;
    for (size_t split = sterna::announcedLength(piece); split < piece.size();
         split += sterna::announcedLength(piece.substr(split))) {
      int32_t left = find(piece.substr(0, split));
      int32_t right = find(piece.substr(split));
      if (left >= 0 && right >= 0)
        merges.push_back({id, left, right});
    }
  }

  /// Tokens that are matched whole; GGUF has user-defined ones matched always.
  void addTokens() {
    for (size_t id = 0; id < data.pieces.size(); ++id) {
      auto type = static_cast<sterna::TokenType>(tokenizer.types[id]);
      bool isSpecial = type == sterna::TokenType::Control ||
                       type == sterna::TokenType::Unknown;
      if (isSpecial || type == sterna::TokenType::UserDefined)
        data.added.push_back(
            {int32_t(id), data.pieces[id], isSpecial ? sterna::IsSpecial : 0U});
    }
  }

  static TextStep makeStep(StepKind kind, const char *pattern,
                           const char *content, uint32_t flags = 0) {
    TextStep step;
    step.kind = kind;
    step.pattern = pattern;
    step.content = content;
    step.flags = flags;
    return step;
  }

  /// A mark before each text between special tokens, and for each space.
  void addSteps() {
    bool hasPrefix = tokenizer.addSpacePrefix;
    if (hasPrefix)
      data.normalizers.push_back(makeStep(StepKind::Prepend, "", spaceMark));
    data.normalizers.push_back(makeStep(StepKind::Replace, " ", spaceMark));
    data.decoders = {makeStep(StepKind::Replace, spaceMark, " "),
                     makeStep(StepKind::ByteFallback, "", ""),
                     makeStep(StepKind::Fuse, "", "")};
    if (hasPrefix)
      data.decoders.push_back(makeStep(StepKind::Strip, "", " ", sterna::Left));
  }

  const sterna::TokenizerDescription &tokenizer;
  sterna::BytePairData data;
  std::unordered_map<std::string, int32_t> ids; // by piece
};

} // namespace

llvm::Expected<sterna::BytePairData>
sterna::makeBytePairs(const TokenizerDescription &tokenizer) {
  return MergeMaker(tokenizer).run();
}

//===----------------------------------------------------------------------===//
// Back
//===----------------------------------------------------------------------===//

/// Whether a piece stands for a byte: "<0x0A>".
static bool isByte(llvm::StringRef piece) {
  unsigned value;
  return piece.size() == 6 && piece.consume_front("<0x") &&
         piece.consume_back(">") && !piece.getAsInteger(16, value);
}

/// Pieces by id, the added ones among them, and their types.
static void setPieces(const sterna::BytePairData &data,
                      sterna::TokenizerDescription &tokenizer) {
  tokenizer.pieces = data.pieces;
  for (const sterna::AddedToken &token : data.added)
    if (size_t(token.id) >= tokenizer.pieces.size())
      tokenizer.pieces.resize(size_t(token.id) + 1);
  auto setType = [&](size_t id, sterna::TokenType type) {
    tokenizer.types[id] = static_cast<int32_t>(type);
  };
  tokenizer.types.resize(tokenizer.pieces.size());
  for (size_t id = 0; id < tokenizer.pieces.size(); ++id)
    setType(id, isByte(tokenizer.pieces[id]) ? sterna::TokenType::Byte
                                             : sterna::TokenType::Normal);
  for (const sterna::AddedToken &token : data.added) {
    tokenizer.pieces[size_t(token.id)] = token.content;
    setType(size_t(token.id), token.id == data.unk ? sterna::TokenType::Unknown
                              : token.has(sterna::IsSpecial)
                                  ? sterna::TokenType::Control
                                  : sterna::TokenType::UserDefined);
  }
}

/// Scores that rank pieces as the merges that make them.
static void setScores(const sterna::BytePairData &data,
                      sterna::TokenizerDescription &tokenizer) {
  std::unordered_map<std::string, size_t> ids;
  for (size_t id = 0; id < tokenizer.pieces.size(); ++id)
    ids.emplace(tokenizer.pieces[id], id);
  tokenizer.scores.resize(tokenizer.pieces.size());
  float rank = 0;
  for (size_t i = 0; i < data.merges.size(); i += 2) {
    auto found = ids.find(data.pieces[size_t(data.merges[i])] +
                          data.pieces[size_t(data.merges[i + 1])]);
    if (found != ids.end() && tokenizer.scores[found->second] == 0)
      tokenizer.scores[found->second] = --rank;
  }
}

static bool isSame(const std::vector<sterna::AddedToken> &a,
                   const std::vector<sterna::AddedToken> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto &one, const auto &other) {
                      return one.id == other.id &&
                             one.content == other.content &&
                             one.flags == other.flags;
                    });
}

std::optional<sterna::TokenizerDescription>
sterna::findSentencePiece(const BytePairData &data) {
  TokenizerDescription tokenizer;
  tokenizer.model = "llama";
  tokenizer.bos = data.bos;
  tokenizer.eos = data.eos;
  tokenizer.unk = data.unk;
  tokenizer.pad = data.pad;
  tokenizer.addBos = data.addBos;
  tokenizer.endIds = data.endIds;
  tokenizer.addSpacePrefix = !data.normalizers.empty() &&
                             data.normalizers[0].kind == StepKind::Prepend;
  setPieces(data, tokenizer);
  setScores(data, tokenizer);
  auto made = makeBytePairs(tokenizer);
  if (!made) {
    llvm::consumeError(made.takeError());
    return std::nullopt;
  }
  std::vector<AddedToken> added = data.added;
  llvm::sort(added, [](const auto &a, const auto &b) { return a.id < b.id; });
  bool isInverse = made->merges == data.merges && isSame(made->added, added) &&
                   made->normalizers == data.normalizers &&
                   made->preTokenizers == data.preTokenizers &&
                   made->decoders == data.decoders && data.byteFallback &&
                   data.fuseUnk && !data.ignoreMerges;
  return isInverse ? std::optional(std::move(tokenizer)) : std::nullopt;
}
