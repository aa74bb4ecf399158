//===- SentencePieceTokenizer.cpp - Tokenizer with byte fallback ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The algorithm behind the header: text is cut at special tokens, then at
// places where nothing can merge, and in each chunk the neighbours with the
// highest score merge until no pair is a piece. Long chunks, such as runs of
// spaces, are merged in windows.
//
//===----------------------------------------------------------------------===//

#include "text/SentencePieceTokenizer.h"

#include "io/Text.h"
#include "io/Utf8.h"
#include "text/EndOfTurn.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <queue>

using namespace sterna;

/// A stretch of the text, or a special token found in it (`id` ≥ 0).
struct SentencePieceTokenizer::Fragment {
  std::string_view text;
  int32_t id = -1;
};

/// Tokens, and the bytes of text that each of them has; a space counts as the
/// mark that stands for it. Where only ids are asked for, sizes are not kept.
struct SentencePieceTokenizer::Encoded {
  std::vector<int32_t> ids;
  std::vector<uint32_t> sizes;
  bool keepsSizes = false;

  void add(int32_t id, size_t size) {
    ids.push_back(id);
    if (keepsSizes)
      sizes.push_back(static_cast<uint32_t>(size));
  }
  void cutTo(size_t count) {
    ids.resize(count);
    if (keepsSizes)
      sizes.resize(count);
  }
};

namespace {

/// U+2581, which stands for a space inside pieces.
constexpr std::string_view spaceMark = "\xE2\x96\x81";

/// Bytes of a chunk that are merged at once, at least.
constexpr size_t windowSize = 1 << 14;
/// Longest pieces at the end of a window that are merged again with what
/// follows: beyond them its end has no influence, in all but odd vocabularies.
constexpr size_t overlap = 4;

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
  int32_t previous = 0;
  int32_t next = 0;
};

/// Two neighbouring symbols that together are a piece.
struct Merge {
  int32_t left = 0;
  int32_t right = 0;
  float score = 0;
  size_t size = 0; // of both texts: tells whether either has changed since
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
  std::vector<int32_t> specials = data.endIds;
  specials.insert(specials.end(), {data.bos, data.eos, data.unk, data.pad});
  for (int32_t id : specials)
    if (id < -1 || id >= static_cast<int64_t>(count))
      return fail("expected special token ids below " + std::to_string(count) +
                  ", but got " + std::to_string(id));
  return Status::success();
}

} // namespace

Expected<SentencePieceTokenizer>
SentencePieceTokenizer::create(TokenizerData data) {
  if (Status status = checkData(data); !status.ok())
    return status;
  SentencePieceTokenizer tokenizer;
  tokenizer.vocabulary = std::move(data);
  tokenizer.buildIndex();
  tokenizer.findSpecialTokens();
  if (tokenizer.vocabulary.unk < 0)
    for (int value = 0; value < 256; ++value)
      if (tokenizer.byteTokens[static_cast<size_t>(value)] < 0)
        return Status::error(
            "the model's vocabulary is not usable: it has neither an unknown "
            "token nor a token for byte " +
            std::to_string(value));
  return tokenizer;
}

void SentencePieceTokenizer::buildIndex() {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  pieceToId.reserve(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::string_view piece = pieces[i];
    if (piece.empty())
      continue;
    int32_t id = static_cast<int32_t>(i);
    pieceToId[piece] = id;
    longestPiece = std::max(longestPiece, piece.size());
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
}

void SentencePieceTokenizer::findSpecialTokens() {
  specialTokens.bos = vocabulary.bos;
  specialTokens.eos = vocabulary.eos;
  specialTokens.unk = vocabulary.unk;
  specialTokens.pad = vocabulary.pad;
  specialTokens.addBos = vocabulary.addBos;
  auto addEnd = [&](int32_t id) {
    if (id >= 0 && !contains(specialTokens.ends, id))
      specialTokens.ends.push_back(id);
  };
  addEnd(vocabulary.eos);
  for (std::string_view name : endOfTurn)
    if (int32_t id = find(name); id >= 0 && typeOf(id) != TokenType::Normal)
      addEnd(id);
  for (int32_t id : vocabulary.endIds)
    addEnd(id);
}

TokenType SentencePieceTokenizer::typeOf(int32_t id) const {
  return vocabulary.types.empty()
             ? TokenType::Normal
             : static_cast<TokenType>(
                   vocabulary.types[static_cast<size_t>(id)]);
}

int32_t SentencePieceTokenizer::find(std::string_view piece) const {
  auto found = pieceToId.find(piece);
  return found == pieceToId.end() ? -1 : found->second;
}

bool SentencePieceTokenizer::isSpecial(int32_t id) const {
  if (id < 0 || id >= size())
    return false;
  TokenType type = typeOf(id);
  return type == TokenType::Control || type == TokenType::UserDefined ||
         type == TokenType::Unknown;
}

std::string SentencePieceTokenizer::spelling(int32_t id) const {
  if (id < 0 || id >= size())
    return {};
  return vocabulary.pieces[static_cast<size_t>(id)];
}

std::vector<SentencePieceTokenizer::Fragment>
SentencePieceTokenizer::splitAtSpecials(std::string_view text,
                                        bool parseSpecial) const {
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
        split.push_back({rest.substr(found, piece.size()), id});
      }
      if (!rest.empty())
        split.push_back({rest, -1});
    }
    fragments = std::move(split);
  }
  return fragments;
}

bool SentencePieceTokenizer::needsBos(const Encoded &encoded,
                                      bool addBos) const {
  // Text that spells its own BOS does not get a second one.
  return addBos && vocabulary.addBos && vocabulary.bos >= 0 &&
         (encoded.ids.empty() || encoded.ids[0] != vocabulary.bos);
}

std::vector<int32_t> SentencePieceTokenizer::encode(std::string_view text,
                                                    bool addBos,
                                                    bool parseSpecial,
                                                    bool atStart) const {
  Encoded result;
  bool spaceFirst = atStart;
  for (const Fragment &fragment : splitAtSpecials(text, parseSpecial))
    encodeFragment(fragment, spaceFirst, result);
  if (needsBos(result, addBos))
    result.ids.insert(result.ids.begin(), vocabulary.bos);
  return std::move(result.ids);
}

std::vector<SentencePieceTokenizer::Fragment>
SentencePieceTokenizer::splitParts(const std::vector<TextPart> &parts,
                                   std::string_view whole) const {
  std::vector<Fragment> fragments;
  size_t begin = 0, end = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    end += parts[i].text.size();
    // Neighbours that are read alike are one text, in which a special token may
    // reach from one into the next.
    if (i + 1 < parts.size() &&
        parts[i + 1].parseSpecial == parts[i].parseSpecial)
      continue;
    std::string_view text = whole.substr(begin, end - begin);
    begin = end;
    for (const Fragment &fragment :
         splitAtSpecials(text, parts[i].parseSpecial)) {
      Fragment *last = fragments.empty() ? nullptr : &fragments.back();
      if (last && last->id < 0 && fragment.id < 0)
        // Two texts without a token between them lie side by side in `whole`.
        last->text = {last->text.data(),
                      last->text.size() + fragment.text.size()};
      else
        fragments.push_back(fragment);
    }
  }
  return fragments;
}

std::vector<PartToken>
SentencePieceTokenizer::encodeParts(const std::vector<TextPart> &parts,
                                    bool addBos, bool atStart) const {
  std::string whole;
  std::vector<size_t> ends;
  for (const TextPart &part : parts) {
    whole += part.text;
    ends.push_back(whole.size());
  }
  Encoded encoded;
  encoded.keepsSizes = true;
  std::vector<PartToken> tokens;
  uint32_t part = 0;
  bool spaceFirst = atStart;
  for (const Fragment &fragment : splitParts(parts, whole)) {
    size_t first = encoded.ids.size();
    size_t begin = static_cast<size_t>(fragment.text.data() - whole.data());
    bool special = fragment.id >= 0;
    // Where the tokens so far end: as their sizes count, and in the fragment.
    size_t end = 0, sized = 0, read = special ? fragment.text.size() : 0;
    if (spaceFirst && vocabulary.addSpacePrefix)
      sized = spaceMark.size();
    encodeFragment(fragment, spaceFirst, encoded);
    for (size_t i = first; i < encoded.ids.size(); ++i) {
      end += encoded.sizes[i];
      while (!special && sized < end)
        sized += fragment.text[read++] == ' ' ? spaceMark.size() : 1;
      size_t lastByte = begin + std::max<size_t>(read, 1) - 1;
      while (ends[part] <= lastByte)
        ++part;
      tokens.push_back({encoded.ids[i], part});
    }
  }
  if (needsBos(encoded, addBos))
    tokens.insert(tokens.begin(), {vocabulary.bos, 0});
  return tokens;
}

void SentencePieceTokenizer::encodeFragment(const Fragment &fragment,
                                            bool &spaceFirst,
                                            Encoded &result) const {
  bool special = fragment.id >= 0;
  if (special)
    result.add(fragment.id, fragment.text.size());
  else
    encodeText(fragment.text, spaceFirst && vocabulary.addSpacePrefix, result);
  spaceFirst = special;
}

void SentencePieceTokenizer::encodeText(std::string_view text, bool spaceFirst,
                                        Encoded &result) const {
  std::string marked(spaceFirst ? spaceMark : std::string_view());
  marked += replaceAll(text, " ", spaceMark);
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
      encodeChunk({&marked[chunkBegin], position - chunkBegin}, result);
      chunkBegin = position;
    }
    previous = character;
    rest.remove_prefix(character.size());
  }
  encodeChunk({&marked[chunkBegin], marked.size() - chunkBegin}, result);
}

void SentencePieceTokenizer::encodeChunk(std::string_view chunk,
                                         Encoded &result) const {
  size_t before = result.ids.size();
  size_t window = std::max(windowSize, 4 * overlap * longestPiece);
  // A window that holds the chunk always succeeds.
  for (; !encodeByWindows(chunk, window, result); window *= 2)
    result.cutTo(before);
}

/// Merging is decided between neighbours: pieces are those of the whole chunk
/// if and only if each two of them, side by side and alone, stay the same two.
/// For until a merge reaches across one of their borders, what merges within
/// two pieces and in which order does not depend on what lies around them. So
/// it is enough to look at each border once: within a window its merging has,
/// and between windows `staysApart` does.
bool SentencePieceTokenizer::encodeByWindows(std::string_view chunk,
                                             size_t window,
                                             Encoded &result) const {
  auto staysApart = [&](std::string_view left, std::string_view right) {
    std::vector<std::string_view> pieces =
        mergePieces({left.data(), left.size() + right.size()});
    return pieces.size() == 2 && pieces[0].size() == left.size();
  };
  std::string_view last;
  while (true) {
    std::vector<std::string_view> pieces = mergePieces(chunk.substr(0, window));
    bool atEnd = chunk.size() <= window;
    size_t kept = pieces.size();
    for (size_t left = overlap * longestPiece; !atEnd && kept > 0;) {
      size_t size = pieces[--kept].size();
      if (size >= left)
        break;
      left -= size;
    }
    if (!last.empty() && !pieces.empty() && !staysApart(last, pieces[0]))
      return false;
    for (size_t i = 0; i < kept; ++i)
      appendPiece(pieces[i], result);
    if (atEnd)
      return true;
    if (kept == 0)
      return false;
    last = pieces[kept - 1];
    chunk.remove_prefix(
        static_cast<size_t>(last.data() + last.size() - chunk.data()));
  }
}

std::vector<std::string_view>
SentencePieceTokenizer::mergePieces(std::string_view text) const {
  std::vector<Symbol> symbols;
  for (std::string_view rest = text; !rest.empty();) {
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
    // Neighbours lie side by side in the text.
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

  std::vector<std::string_view> pieces;
  for (int32_t i = symbols.empty() ? -1 : 0; i >= 0;
       i = symbols[static_cast<size_t>(i)].next)
    pieces.push_back(symbols[static_cast<size_t>(i)].text);
  return pieces;
}

void SentencePieceTokenizer::appendPiece(std::string_view piece,
                                         Encoded &result) const {
  if (int32_t id = find(piece); id >= 0) {
    result.add(id, piece.size());
    return;
  }
  for (char byte : piece) {
    int32_t id = byteTokens[static_cast<unsigned char>(byte)];
    result.add(id >= 0 ? id : vocabulary.unk, 1);
  }
}

std::string SentencePieceTokenizer::tokenBytes(int32_t id) const {
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
  return replaceAll(piece, spaceMark, " ");
}
