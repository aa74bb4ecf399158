//===- BytePairEncoder.cpp - Text to ids by byte-pair encoding ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The path of a text: it is cut at added tokens, then at bytes that are no
// UTF-8; what lies between is normalized, cut at added tokens again, split into
// words, and each word is merged.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairTokenizer.h"
#include "text/Unicode.h"

#include <algorithm>

using namespace sterna;

/// Receives words and tokens, and keeps ids.
class BytePairTokenizer::Encoder : public WordReceiver {
public:
  Encoder(const BytePairTokenizer &tokenizer, bool keepsOrigins)
      : tokenizer(tokenizer), keepsOrigins(keepsOrigins),
        words(tokenizer.preTokenizer, keepsOrigins, *this), first(keepsOrigins),
        second(keepsOrigins) {}

  /// Adds a token whose last byte came from the place `last`.
  void add(int32_t id, size_t last) {
    ids.push_back(id);
    if (keepsOrigins)
      lasts.push_back(last);
  }

  void take(const TextSpan &word) override;
  void encodeSegment(const TextSpan &segment, const std::vector<Group> &groups);

  std::vector<int32_t> ids;
  std::vector<size_t> lasts; // where the last byte of each came from

private:
  void readBytes(std::string_view word);
  void readCharacters(const TextSpan &word);
  bool isCut(char32_t code) const;
  void mergeSymbols(const TextSpan &word);
  bool fallBack(std::string_view character);
  void addUnknown(size_t size);
  void flushUnknown();
  void addSymbol(int32_t id, size_t size);
  void encodeStrayByte(const TextSpan &byte);
  void encodeRun(const TextSpan &run, const std::vector<Group> &groups);
  int32_t wordId(std::string_view word) const;

  const BytePairTokenizer &tokenizer;
  bool keepsOrigins;
  PreTokenizerRun words;
  AlignedText first, second; // of the normalizer
  std::vector<AddedTokenSplit> splits;
  std::vector<WordSymbol> symbols;
  WordSymbol unknown;    // waits for more of its kind; none if its size is 0
  char32_t lastCode = 0; // spelled by the last symbol; 0: it spells none
  size_t merged = 0;     // bytes of the word whose symbols were merged
  uint32_t skipped = 0;  // bytes without any token; they go to the next
};

void BytePairTokenizer::Encoder::addSymbol(int32_t id, size_t size) {
  symbols.push_back({id, static_cast<uint32_t>(size) + skipped});
  skipped = 0;
}

void BytePairTokenizer::Encoder::flushUnknown() {
  if (unknown.size > 0) {
    addSymbol(unknown.id, unknown.size);
    lastCode = 0;
  }
  unknown.size = 0;
}

void BytePairTokenizer::Encoder::addUnknown(size_t size) {
  const BytePairData &data = tokenizer.vocabulary;
  if (data.unk < 0) {
    skipped += static_cast<uint32_t>(size);
    return;
  }
  if (!data.fuseUnk)
    flushUnknown();
  unknown.id = data.unk;
  unknown.size += static_cast<uint32_t>(size);
}

void BytePairTokenizer::Encoder::readBytes(std::string_view word) {
  for (char byte : word) {
    int32_t id = tokenizer.byteIds[static_cast<unsigned char>(byte)];
    if (id < 0) {
      addUnknown(1);
      continue;
    }
    flushUnknown();
    addSymbol(id, 1);
  }
}

/// Adds the tokens of a character's bytes, where the vocabulary has all.
bool BytePairTokenizer::Encoder::fallBack(std::string_view character) {
  auto idOf = [&](char byte) {
    return tokenizer.byteIds[static_cast<unsigned char>(byte)];
  };
  bool whole = std::all_of(character.begin(), character.end(),
                           [&](char byte) { return idOf(byte) >= 0; });
  if (!tokenizer.vocabulary.byteFallback || !whole)
    return false;
  // An unknown character that waits comes behind them, as in `tokenizers`.
  for (char byte : character)
    addSymbol(idOf(byte), 1);
  return true;
}

/// Whether nothing can merge the symbols so far with a character.
bool BytePairTokenizer::Encoder::isCut(char32_t code) const {
  if (!tokenizer.cutsWords || symbols.empty())
    return false;
  return lastCode == 0 ||
         tokenizer.joined.count(uint64_t{lastCode} << 32 | code) == 0;
}

void BytePairTokenizer::Encoder::readCharacters(const TextSpan &word) {
  std::string_view rest = word.text;
  while (!rest.empty()) {
    Character first = firstCharacter(rest);
    std::string_view character = rest.substr(0, first.length);
    rest.remove_prefix(first.length);
    int32_t id = tokenizer.pieceId(character);
    if (id >= 0) {
      flushUnknown();
      if (isCut(first.code))
        mergeSymbols(word);
      addSymbol(id, character.size());
      lastCode = first.code;
    } else if (fallBack(character)) {
      lastCode = 0;
    } else {
      addUnknown(character.size());
    }
  }
}

/// Merges the symbols so far, and adds what they become.
void BytePairTokenizer::Encoder::mergeSymbols(const TextSpan &word) {
  tokenizer.merger.merge(symbols);
  for (const WordSymbol &symbol : symbols) {
    merged += symbol.size;
    add(symbol.id, keepsOrigins ? word.originOf(merged - 1) : 0);
  }
  symbols.clear();
}

int32_t BytePairTokenizer::Encoder::wordId(std::string_view word) const {
  if (!tokenizer.preTokenizer.isByteLevel())
    return tokenizer.pieceId(word);
  auto found = tokenizer.wordToId.find(std::string(word));
  return found == tokenizer.wordToId.end() ? -1 : found->second;
}

void BytePairTokenizer::Encoder::take(const TextSpan &word) {
  if (tokenizer.vocabulary.ignoreMerges) {
    if (int32_t id = wordId(word.text); id >= 0) {
      add(id, word.originOf(word.text.size() - 1));
      return;
    }
  }
  merged = 0;
  skipped = 0;
  lastCode = 0;
  if (tokenizer.preTokenizer.isByteLevel())
    readBytes(word.text);
  else
    readCharacters(word);
  flushUnknown();
  mergeSymbols(word);
}

void BytePairTokenizer::Encoder::encodeStrayByte(const TextSpan &byte) {
  int32_t id = tokenizer.byteIds[static_cast<unsigned char>(byte.text[0])];
  bool isByteToken =
      tokenizer.preTokenizer.isByteLevel() || tokenizer.vocabulary.byteFallback;
  if (id < 0 || !isByteToken)
    id = tokenizer.vocabulary.unk;
  if (id >= 0)
    add(id, byte.originOf(0));
}

void BytePairTokenizer::Encoder::encodeSegment(
    const TextSpan &segment, const std::vector<Group> &groups) {
  size_t begin = 0, size = segment.text.size();
  while (begin < size) {
    std::string_view rest = segment.text.substr(begin);
    size_t valid = findInvalidUtf8(rest);
    if (valid > 0) {
      TextSpan run = segment.slice(begin, begin + valid);
      // What follows a stray byte goes on with the same text.
      run.continues = run.continues || begin > 0;
      encodeRun(run, groups);
      begin += valid;
    }
    if (begin == size)
      break;
    Utf8Front front = inspectFront(segment.text.substr(begin));
    size_t end =
        front.kind == Utf8Front::Incomplete ? size : begin + front.length;
    for (; begin < end; ++begin)
      encodeStrayByte(segment.slice(begin, begin + 1));
  }
}

void BytePairTokenizer::Encoder::encodeRun(const TextSpan &run,
                                           const std::vector<Group> &groups) {
  TextSpan text = tokenizer.normalizer.run(run, first, second);
  if (tokenizer.normalizedTokens.empty()) {
    words.split(text);
    return;
  }
  splits.clear();
  size_t begin = 0, taken = 0, size = text.text.size();
  for (const Group &group : groups) {
    size_t end = groups.size() == 1 ? size : begin;
    while (end < size && text.originOf(end) < group.end)
      ++end;
    tokenizer.normalizedTokens.split(text.text, begin, end, group.parseSpecial,
                                     taken, splits);
    begin = end;
  }
  if (taken < size)
    splits.push_back({taken, size, -1, 0});
  for (const AddedTokenSplit &split : splits) {
    if (split.id >= 0)
      add(split.id, text.originOf(split.spelling - 1));
    else
      words.split(text.slice(split.begin, split.end));
  }
}

void BytePairTokenizer::encodeText(std::string_view text,
                                   const std::vector<Group> &groups,
                                   bool atStart, Encoder &encoder) const {
  std::vector<AddedTokenSplit> splits;
  size_t begin = 0, taken = 0;
  for (const Group &group : groups) {
    rawTokens.split(text, begin, group.end, group.parseSpecial, taken, splits);
    begin = group.end;
  }
  if (taken < text.size())
    splits.push_back({taken, text.size(), -1, 0});
  for (const AddedTokenSplit &split : splits) {
    if (split.id >= 0) {
      encoder.add(split.id, split.spelling - 1);
      continue;
    }
    TextSpan segment;
    segment.text = text.substr(split.begin, split.end - split.begin);
    segment.base = split.begin;
    segment.startsText = split.begin == 0;
    segment.continues = split.begin == 0 && !atStart;
    encoder.encodeSegment(segment, groups);
  }
}

std::vector<int32_t> BytePairTokenizer::encode(std::string_view text,
                                               bool addBos, bool parseSpecial,
                                               bool atStart) const {
  Encoder encoder(*this, /*keepsOrigins=*/false);
  encodeText(text, {{text.size(), parseSpecial}}, atStart, encoder);
  if (needsBos(encoder.ids, addBos))
    encoder.ids.insert(encoder.ids.begin(), vocabulary.bos);
  return std::move(encoder.ids);
}

std::vector<PartToken>
BytePairTokenizer::encodeParts(const std::vector<TextPart> &parts, bool addBos,
                               bool atStart) const {
  std::string whole;
  std::vector<size_t> ends;
  std::vector<Group> groups;
  for (const TextPart &part : parts) {
    whole += part.text;
    ends.push_back(whole.size());
    // Neighbours that are read alike are one text, in which a special token may
    // reach from one into the next.
    if (groups.empty() || groups.back().parseSpecial != part.parseSpecial)
      groups.push_back({0, part.parseSpecial});
    groups.back().end = whole.size();
  }
  Encoder encoder(*this, /*keepsOrigins=*/true);
  encodeText(whole, groups, atStart, encoder);
  std::vector<PartToken> tokens;
  if (needsBos(encoder.ids, addBos))
    tokens.push_back({vocabulary.bos, 0});
  for (size_t i = 0; i < encoder.ids.size(); ++i) {
    auto part = std::upper_bound(ends.begin(), ends.end(), encoder.lasts[i]);
    tokens.push_back(
        {encoder.ids[i], static_cast<uint32_t>(part - ends.begin())});
  }
  return tokens;
}
