//===- BytePairIndex.cpp - A vocabulary, checked and prepared -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What BytePairTokenizer::create does: everything that encoding relies on is
// checked here, so that it cannot fail.
//
//===----------------------------------------------------------------------===//

#include "io/Escape.h"
#include "io/Text.h"
#include "io/Utf8.h"
#include "text/ByteAlphabet.h"
#include "text/BytePairTokenizer.h"
#include "text/Unicode.h"

#include <algorithm>
#include <cstdio>

using namespace sterna;

namespace {

Status fail(const std::string &what) {
  return Status::error("the model's vocabulary is not usable: " + what);
}

std::string quoted(std::string_view piece) {
  return "'" + excerpt(piece) + "'";
}

Status checkUtf8(std::string_view text, const std::string &what) {
  if (findInvalidUtf8(text) != text.size())
    return fail(what + ", " + quoted(text) + ", is not UTF-8");
  return Status::success();
}

} // namespace

Expected<BytePairTokenizer> BytePairTokenizer::create(BytePairData data) {
  BytePairTokenizer result;
  Expected<Normalizer> normalizer =
      Normalizer::create(std::move(data.normalizers));
  if (!normalizer.ok())
    return normalizer.status();
  Expected<PreTokenizer> preTokenizer =
      PreTokenizer::create(std::move(data.preTokenizers));
  if (!preTokenizer.ok())
    return preTokenizer.status();
  result.normalizer = std::move(*normalizer);
  result.preTokenizer = std::move(*preTokenizer);
  result.vocabulary = std::move(data);
  for (auto prepare :
       {&BytePairTokenizer::indexPieces, &BytePairTokenizer::indexAddedTokens,
        &BytePairTokenizer::addMerges, &BytePairTokenizer::checkDecoders,
        &BytePairTokenizer::checkBytes, &BytePairTokenizer::setSpecialTokens})
    if (Status status = (result.*prepare)(); !status.ok())
      return status;
  return result;
}

Status BytePairTokenizer::indexPieces() {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  if (pieces.empty() || pieces.size() > INT32_MAX)
    return fail("it has " + std::to_string(pieces.size()) + " tokens");
  count = static_cast<int32_t>(pieces.size());
  pieceToId.reserve(pieces.size());
  bool keepsWords = vocabulary.ignoreMerges && preTokenizer.isByteLevel();
  if (keepsWords)
    wordToId.reserve(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::string_view piece = pieces[i];
    if (piece.empty())
      continue;
    if (Status status = checkUtf8(piece, "token " + std::to_string(i));
        !status.ok())
      return status;
    auto [found, isNew] = pieceToId.emplace(piece, static_cast<int32_t>(i));
    if (!isNew)
      return fail("tokens " + std::to_string(found->second) + " and " +
                  std::to_string(i) + " are both spelled " + quoted(piece));
    if (!keepsWords)
      continue;
    if (std::optional<std::string> bytes = unspellBytes(piece))
      wordToId.emplace(std::move(*bytes), static_cast<int32_t>(i));
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string name;
    if (preTokenizer.isByteLevel()) {
      appendCharacter(name, characterOfByte(static_cast<unsigned char>(byte)));
    } else {
      char spelled[8];
      std::snprintf(spelled, sizeof spelled, "<0x%02X>", byte);
      name = spelled;
    }
    byteIds[byte] = pieceId(name);
  }
  return Status::success();
}

Status BytePairTokenizer::indexAddedTokens() {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  for (size_t i = 0; i < vocabulary.added.size(); ++i) {
    const AddedToken &token = vocabulary.added[i];
    std::string name = "added token " + quoted(token.content);
    if (token.id < 0 || token.id == INT32_MAX)
      return fail(name + " has the id " + std::to_string(token.id));
    if (token.content.empty() || token.content.size() > AddedTokens::longest)
      return fail("expected added tokens of 1 to " +
                  std::to_string(AddedTokens::longest) + " bytes, but token " +
                  std::to_string(token.id) + " has " +
                  std::to_string(token.content.size()));
    if (Status status = checkUtf8(token.content, "an added token");
        !status.ok())
      return status;
    size_t id = static_cast<size_t>(token.id);
    if (id < pieces.size() && !pieces[id].empty() &&
        pieces[id] != token.content)
      return fail(name + " has the id " + std::to_string(id) + " of " +
                  quoted(pieces[id]));
    int32_t piece = pieceId(token.content);
    if (piece >= 0 && piece != token.id)
      return fail(name + " has the id " + std::to_string(id) +
                  ", but as a piece it has " + std::to_string(piece));
    if (!addedIndex.emplace(token.id, i).second ||
        !contentToId.emplace(token.content, token.id).second)
      return fail(name + ", or its id " + std::to_string(id) +
                  ", occurs twice");
    count = std::max(count, token.id + 1);
    if (token.has(Normalized))
      normalizedTokens.add(token, normalizer.normalize(token.content));
    else
      rawTokens.add(token, token.content);
  }
  return Status::success();
}

Status BytePairTokenizer::addMerges() {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  const std::vector<int32_t> &merges = vocabulary.merges;
  if (merges.size() % 2 != 0)
    return fail("expected two ids for each merge, but got " +
                std::to_string(merges.size()));
  merger = BytePairMerger(merges.size() / 2);
  auto isPiece = [&](int32_t id) {
    return id >= 0 && static_cast<size_t>(id) < pieces.size() &&
           !pieces[static_cast<size_t>(id)].empty();
  };
  cutsWords = !preTokenizer.isByteLevel();
  std::string whole;
  for (size_t i = 0; i < merges.size(); i += 2) {
    int32_t left = merges[i], right = merges[i + 1];
    std::string name = "merge " + std::to_string(i / 2);
    if (!isPiece(left) || !isPiece(right))
      return fail(name + " is of tokens " + std::to_string(left) + " and " +
                  std::to_string(right) + ", which are not both pieces");
    whole = pieces[static_cast<size_t>(left)];
    whole += pieces[static_cast<size_t>(right)];
    int32_t merged = pieceId(whole);
    if (merged < 0)
      return fail(name + " gives " + quoted(whole) + ", which is no piece");
    merger.add(left, right, static_cast<uint32_t>(i / 2), merged);
    addJoined(left, right);
  }
  return Status::success();
}

/// Notes where the merge of two pieces joins them. Tokens for bytes and for
/// what is unknown are not spelled in text as in the vocabulary: where they
/// merge, no word is cut.
void BytePairTokenizer::addJoined(int32_t left, int32_t right) {
  if (!cutsWords)
    return;
  auto isSpelled = [&](int32_t id) {
    return id != vocabulary.unk &&
           !(vocabulary.byteFallback && contains(byteIds, id));
  };
  auto pieceOf = [&](int32_t id) -> std::string_view {
    return vocabulary.pieces[static_cast<size_t>(id)];
  };
  cutsWords = isSpelled(left) && isSpelled(right);
  uint64_t before = lastCharacter(pieceOf(left)).code;
  joined.insert(before << 32 | firstCharacter(pieceOf(right)).code);
}

/// Decoding works on one token at a time, so steps have to come in an order in
/// which that is the same.
Status BytePairTokenizer::checkDecoders() {
  // Where each may stand; what has a place of its own stands alone.
  int place = 0;
  for (const TextStep &step : vocabulary.decoders) {
    int next;
    switch (step.kind) {
    case StepKind::Replace:
      next = 1;
      if (step.has(IsRegex) || step.pattern.empty())
        return fail("a decoder can replace a text, but no expression");
      break;
    case StepKind::ByteFallback:
      next = 2;
      break;
    case StepKind::Fuse:
      next = 3;
      break;
    case StepKind::Strip:
      next = place == 3 && step.content == " " && step.flags == Left ? 4 : 0;
      removesSpace = true;
      break;
    case StepKind::ByteLevel:
      next = 5;
      break;
    case StepKind::Metaspace:
      next = step.content.empty() ? 0 : 6;
      removesSpace = step.has(PrependAlways) || step.has(PrependFirst);
      break;
    default:
      return fail("step " + std::to_string(static_cast<int32_t>(step.kind)) +
                  " is no decoder");
    }
    bool isRepeated = next == place && next != 1;
    if (next < place || isRepeated || next == 0 || (next >= 5 && place > 0))
      return fail("its decoders are not in an order that is known");
    place = next;
  }
  if (preTokenizer.isByteLevel() != (place == 5))
    return fail("expected a ByteLevel decoder with a ByteLevel pre-tokenizer, "
                "and none without");
  return Status::success();
}

Status BytePairTokenizer::checkBytes() {
  if (preTokenizer.isByteLevel() && vocabulary.byteFallback)
    for (size_t byte = 0; byte < 256; ++byte)
      if (byteIds[byte] < 0)
        return fail("it is of bytes and falls back to bytes, but lacks byte " +
                    std::to_string(byte));
  return Status::success();
}

Status BytePairTokenizer::setSpecialTokens() {
  const BytePairData &data = vocabulary;
  specialTokens.bos = data.bos;
  specialTokens.eos = data.eos;
  specialTokens.unk = data.unk;
  specialTokens.pad = data.pad;
  specialTokens.addBos = data.addBos;
  if (data.eos >= 0)
    specialTokens.ends.push_back(data.eos);
  for (int32_t id : data.endIds)
    if (!contains(specialTokens.ends, id))
      specialTokens.ends.push_back(id);
  std::vector<int32_t> named = data.endIds;
  named.insert(named.end(), {data.bos, data.eos, data.unk, data.pad});
  for (int32_t id : named)
    if (id < -1 || id >= count)
      return fail("expected special token ids below " + std::to_string(count) +
                  ", but got " + std::to_string(id));
  return Status::success();
}
