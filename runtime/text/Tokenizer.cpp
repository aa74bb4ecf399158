//===- Tokenizer.cpp - SentencePiece tokenizer with byte fallback ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The algorithm behind Tokenizer.h: text is cut at special tokens, then at
// places where nothing can merge, and in each chunk the neighbours with the
// highest score merge until no pair is a piece.
//
//===----------------------------------------------------------------------===//

#include "text/Tokenizer.h"

#include "io/Utf8.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <queue>

namespace sterna {

/// A stretch of the text, or a special token found in it (`id` ≥ 0).
struct Tokenizer::Fragment {
  std::string_view text;
  int32_t id;
};

namespace {

/// U+2581, which stands for a space inside pieces.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// Tokens that end a turn in the chat formats in use.
constexpr std::string_view kEndOfTurn[] = {
    "<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"};

/// The bytes of one character as a number, for looking up pairs.
uint64_t characterKey(std::string_view character) {
  uint64_t key = 0;
  for (char byte : character)
    key = key << 8 | static_cast<unsigned char>(byte);
  return key;
}

uint64_t pairKey(std::string_view left, std::string_view right) {
  return characterKey(left) << 32 | characterKey(right);
}

/// A run of bytes in a chunk: a character at first, later a merged piece. The
/// runs form a list, and a run merged into its left neighbour has length 0.
struct Symbol {
  std::string_view text;
  int32_t previous;
  int32_t next;
};

/// Two neighbouring symbols that together are a piece.
struct Merge {
  int32_t left;
  int32_t right;
  float score;
  size_t size; // of both texts: tells whether either has changed since
};

/// Highest score first, then leftmost.
struct LaterMerge {
  bool operator()(const Merge &a, const Merge &b) const {
    return a.score < b.score || (a.score == b.score && a.left > b.left);
  }
};

std::string replaceAll(std::string_view text, std::string_view from,
                       std::string_view to) {
  std::string result;
  size_t position = 0;
  while (true) {
    size_t found = text.find(from, position);
    result.append(text.substr(position, found - position));
    if (found == std::string_view::npos)
      return result;
    result.append(to);
    position = found + from.size();
  }
}

/// The byte that a piece such as "<0x0A>" stands for; empty for other pieces.
std::string byteOfPiece(const std::string &piece) {
  unsigned value;
  if (piece.size() != 6 || std::sscanf(piece.c_str(), "<0x%2X>", &value) != 1)
    return {};
  return std::string(1, static_cast<char>(value));
}

/// Moves what is whole in `pending` to the result; broken sequences become
/// U+FFFD, and a character that may still be completed stays.
std::string takeCharacters(std::string &pending) {
  std::string result;
  std::string_view rest = pending;
  while (!rest.empty()) {
    Utf8Front front = inspectFront(rest);
    if (front.kind == Utf8Front::Incomplete)
      break;
    if (front.kind == Utf8Front::Character)
      result.append(rest.substr(0, front.length));
    else
      result.append(kReplacementCharacter);
    rest.remove_prefix(front.length);
  }
  pending.erase(0, pending.size() - rest.size());
  return result;
}

Status checkData(const TokenizerData &data) {
  size_t count = data.pieces.size();
  auto fail = [](const std::string &what) {
    return Status::error("the model's vocabulary is not usable: " + what);
  };
  if (count == 0 || count > INT32_MAX)
    return fail("it has " + std::to_string(count) + " tokens");
  if (data.scores.size() != count)
    return fail("expected " + std::to_string(count) + " scores, but got " +
                std::to_string(data.scores.size()));
  if (!data.types.empty() && data.types.size() != count)
    return fail("expected " + std::to_string(count) + " token types, but got " +
                std::to_string(data.types.size()));
  for (size_t i = 0; i < count; ++i)
    if (std::isnan(data.scores[i]))
      return fail("the score of token " + std::to_string(i) +
                  " is not a number");
  for (size_t i = 0; i < data.types.size(); ++i)
    if (data.types[i] < static_cast<int32_t>(TokenType::Normal) ||
        data.types[i] > static_cast<int32_t>(TokenType::Byte))
      return fail("expected the type of token " + std::to_string(i) +
                  " to be 1 to 6, but got " + std::to_string(data.types[i]));
  for (int32_t id : {data.bos, data.eos, data.unk, data.pad})
    if (id < -1 || id >= static_cast<int64_t>(count))
      return fail("expected special token ids below " + std::to_string(count) +
                  ", but got " + std::to_string(id));
  return Status::success();
}

} // namespace

Expected<Tokenizer> Tokenizer::create(TokenizerData data) {
  if (Status status = checkData(data); !status.ok())
    return status;
  Tokenizer tokenizer;
  tokenizer.vocabulary = std::move(data);
  tokenizer.buildIndex();
  if (tokenizer.vocabulary.unk < 0)
    for (int value = 0; value < 256; ++value)
      if (tokenizer.byteTokens[static_cast<size_t>(value)] < 0)
        return Status::error(
            "the model's vocabulary is not usable: it has neither an unknown "
            "token nor a token for byte " +
            std::to_string(value));
  return tokenizer;
}

void Tokenizer::buildIndex() {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  pieceToId.reserve(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::string_view piece = pieces[i];
    if (piece.empty())
      continue;
    int32_t id = static_cast<int32_t>(i);
    pieceToId[piece] = id;
    std::string_view left = piece.substr(0, announcedLength(piece));
    for (piece.remove_prefix(left.size()); !piece.empty();) {
      std::string_view right = piece.substr(0, announcedLength(piece));
      mergeablePairs.insert(pairKey(left, right));
      piece.remove_prefix(right.size());
      left = right;
    }
    if (isSpecial(id))
      specials.push_back(id);
  }
  std::sort(specials.begin(), specials.end(), [&](int32_t a, int32_t b) {
    size_t sizeA = pieces[static_cast<size_t>(a)].size();
    size_t sizeB = pieces[static_cast<size_t>(b)].size();
    return sizeA != sizeB ? sizeA > sizeB : a < b;
  });
  for (unsigned value = 0; value < 256; ++value) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", value);
    int32_t id = find(name);
    // Vocabularies without byte tokens may still have one-byte pieces.
    char byte = static_cast<char>(value);
    byteTokens[value] = id >= 0 ? id : find(std::string_view(&byte, 1));
  }
  for (std::string_view name : kEndOfTurn)
    if (int32_t id = find(name); id >= 0 && typeOf(id) != TokenType::Normal)
      endOfGeneration.push_back(id);
}

TokenType Tokenizer::typeOf(int32_t id) const {
  return vocabulary.types.empty()
             ? TokenType::Normal
             : static_cast<TokenType>(
                   vocabulary.types[static_cast<size_t>(id)]);
}

int32_t Tokenizer::find(std::string_view piece) const {
  auto found = pieceToId.find(piece);
  return found == pieceToId.end() ? -1 : found->second;
}

int32_t Tokenizer::padOrDefault() const {
  if (vocabulary.pad >= 0)
    return vocabulary.pad;
  return vocabulary.eos >= 0 ? vocabulary.eos : 0;
}

bool Tokenizer::isSpecial(int32_t id) const {
  if (id < 0 || id >= size())
    return false;
  TokenType type = typeOf(id);
  return type == TokenType::Control || type == TokenType::UserDefined ||
         type == TokenType::Unknown;
}

bool Tokenizer::isEndOfGeneration(int32_t id) const {
  return (id >= 0 && id == vocabulary.eos) ||
         std::find(endOfGeneration.begin(), endOfGeneration.end(), id) !=
             endOfGeneration.end();
}

std::vector<Tokenizer::Fragment>
Tokenizer::splitAtSpecials(std::string_view text, bool parseSpecial) const {
  std::vector<Fragment> fragments;
  if (!text.empty())
    fragments.push_back({text, -1});
  for (int32_t id : specials) {
    if (!parseSpecial && typeOf(id) != TokenType::UserDefined)
      continue;
    std::string_view piece = vocabulary.pieces[static_cast<size_t>(id)];
    // Most specials do not occur: look before rebuilding the list.
    auto occursIn = [&](const Fragment &fragment) {
      return fragment.id < 0 &&
             fragment.text.find(piece) != std::string_view::npos;
    };
    if (std::none_of(fragments.begin(), fragments.end(), occursIn))
      continue;
    std::vector<Fragment> split;
    for (const Fragment &fragment : fragments) {
      std::string_view rest = fragment.text;
      if (fragment.id >= 0) {
        split.push_back(fragment);
        continue;
      }
      for (size_t found; (found = rest.find(piece)) != std::string_view::npos;
           rest.remove_prefix(found + piece.size())) {
        if (found > 0)
          split.push_back({rest.substr(0, found), -1});
        split.push_back({piece, id});
      }
      if (!rest.empty())
        split.push_back({rest, -1});
    }
    fragments = std::move(split);
  }
  return fragments;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool addBos,
                                       bool parseSpecial, bool atStart) const {
  std::vector<int32_t> ids;
  if (addBos && vocabulary.addBos && vocabulary.bos >= 0)
    ids.push_back(vocabulary.bos);
  bool spaceFirst = atStart;
  for (const Fragment &fragment : splitAtSpecials(text, parseSpecial)) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
      spaceFirst = true;
      continue;
    }
    encodeText(fragment.text, spaceFirst && vocabulary.addSpacePrefix, ids);
    spaceFirst = false;
  }
  return ids;
}

void Tokenizer::encodeText(std::string_view text, bool spaceFirst,
                           std::vector<int32_t> &ids) const {
  std::string marked(spaceFirst ? kSpaceMark : std::string_view());
  marked += replaceAll(text, " ", kSpaceMark);
  // A chunk ends where no piece has these two characters side by side: nothing
  // merges across, so chunks give the same ids as the whole would, and merging
  // needs memory for one word, not for the text.
  std::string_view rest = marked;
  std::string_view previous;
  size_t chunkBegin = 0;
  while (!rest.empty()) {
    std::string_view character = rest.substr(0, announcedLength(rest));
    size_t position = marked.size() - rest.size();
    if (position > chunkBegin &&
        !mergeablePairs.count(pairKey(previous, character))) {
      encodeChunk({&marked[chunkBegin], position - chunkBegin}, ids);
      chunkBegin = position;
    }
    previous = character;
    rest.remove_prefix(character.size());
  }
  encodeChunk({&marked[chunkBegin], marked.size() - chunkBegin}, ids);
}

void Tokenizer::encodeChunk(std::string_view chunk,
                            std::vector<int32_t> &ids) const {
  std::vector<Symbol> symbols;
  for (std::string_view rest = chunk; !rest.empty();) {
    int32_t index = static_cast<int32_t>(symbols.size());
    size_t length = announcedLength(rest);
    bool last = length == rest.size();
    symbols.push_back(
        {rest.substr(0, length), index - 1, last ? -1 : index + 1});
    rest.remove_prefix(length);
  }

  std::priority_queue<Merge, std::vector<Merge>, LaterMerge> merges;
  auto tryMerge = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0)
      return;
    std::string_view a = symbols[static_cast<size_t>(left)].text;
    std::string_view b = symbols[static_cast<size_t>(right)].text;
    // Neighbours lie side by side in the chunk.
    int32_t id = find(std::string_view(a.data(), a.size() + b.size()));
    if (id >= 0)
      merges.push({left, right, vocabulary.scores[static_cast<size_t>(id)],
                   a.size() + b.size()});
  };
  for (size_t i = 1; i < symbols.size(); ++i)
    tryMerge(static_cast<int32_t>(i) - 1, static_cast<int32_t>(i));
  while (!merges.empty()) {
    Merge merge = merges.top();
    merges.pop();
    Symbol &left = symbols[static_cast<size_t>(merge.left)];
    Symbol &right = symbols[static_cast<size_t>(merge.right)];
    // Skip what an earlier merge has overtaken.
    if (left.text.empty() || right.text.empty() ||
        left.text.size() + right.text.size() != merge.size)
      continue;
    left.text = std::string_view(left.text.data(), merge.size);
    right.text = {};
    left.next = right.next;
    if (right.next >= 0)
      symbols[static_cast<size_t>(right.next)].previous = merge.left;
    tryMerge(left.previous, merge.left);
    tryMerge(merge.left, left.next);
  }

  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) {
    std::string_view piece = symbols[static_cast<size_t>(i)].text;
    if (int32_t id = find(piece); id >= 0)
      ids.push_back(id);
    else
      appendBytes(piece, ids);
  }
}

void Tokenizer::appendBytes(std::string_view bytes,
                            std::vector<int32_t> &ids) const {
  for (char byte : bytes) {
    int32_t id = byteTokens[static_cast<unsigned char>(byte)];
    ids.push_back(id >= 0 ? id : vocabulary.unk);
  }
}

std::string Tokenizer::tokenBytes(int32_t id) const {
  if (id < 0 || id >= size())
    return {};
  const std::string &piece = vocabulary.pieces[static_cast<size_t>(id)];
  switch (typeOf(id)) {
  case TokenType::Control:
  case TokenType::Unknown:
  case TokenType::Unused:
    return {};
  case TokenType::UserDefined:
    return piece;
  case TokenType::Byte:
    return byteOfPiece(piece);
  case TokenType::Normal:
    break;
  }
  return replaceAll(piece, kSpaceMark, " ");
}

std::string Tokenizer::decode(const std::vector<int32_t> &ids) const {
  StreamDecoder decoder(*this);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.finish();
}

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool atStart)
    : tokenizer(tokenizer),
      stripSpace(atStart && tokenizer.data().addSpacePrefix) {}

std::string StreamDecoder::push(int32_t id) {
  std::string bytes = tokenizer.tokenBytes(id);
  if (stripSpace && !bytes.empty()) {
    if (bytes[0] == ' ')
      bytes.erase(0, 1);
    stripSpace = false;
  }
  pending += bytes;
  return takeCharacters(pending);
}

std::string StreamDecoder::finish() {
  bool held = !pending.empty();
  pending.clear();
  return held ? std::string(kReplacementCharacter) : std::string();
}

} // namespace sterna
