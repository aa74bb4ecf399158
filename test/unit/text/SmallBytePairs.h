//===- SmallBytePairs.h - Byte pairs few enough to read ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vocabularies of byte pairs that the tests of this folder share: ids below
// are what they expect.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_UNIT_TEXT_SMALLBYTEPAIRS_H
#define STERNA_UNIT_TEXT_SMALLBYTEPAIRS_H

#include "text/ByteAlphabet.h"
#include "text/BytePairTokenizer.h"
#include "text/Unicode.h"

#include <cassert>
#include <cstdio>

namespace sterna {

inline TextStep makeStep(StepKind kind, uint32_t flags = 0,
                         const std::string &pattern = {},
                         const std::string &content = {}) {
  TextStep step;
  step.kind = kind;
  step.flags = flags;
  step.pattern = pattern;
  step.content = content;
  return step;
}

/// A step that splits at an expression.
inline TextStep splitStep(const std::string &pattern, SplitBehavior behavior,
                          uint32_t flags = IsRegex) {
  TextStep step = makeStep(StepKind::Split, flags, pattern);
  step.behavior = behavior;
  return step;
}

/// Adds a piece that two others merge to; its id is returned.
inline int32_t addMerge(BytePairData &data, int32_t left, int32_t right) {
  data.merges.insert(data.merges.end(), {left, right});
  data.pieces.push_back(data.pieces[static_cast<size_t>(left)] +
                        data.pieces[static_cast<size_t>(right)]);
  return static_cast<int32_t>(data.pieces.size()) - 1;
}

/// Adds a token behind the pieces; its id is returned.
inline int32_t addToken(BytePairData &data, const std::string &content,
                        uint32_t flags) {
  int32_t id = static_cast<int32_t>(data.pieces.size() + data.added.size());
  data.added.push_back({id, content, flags});
  return id;
}

/// A byte-level vocabulary in which id n is byte n, split as GPT-2 does.
inline BytePairData byteVocabulary() {
  BytePairData data;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string piece;
    appendCharacter(piece, characterOfByte(static_cast<unsigned char>(byte)));
    data.pieces.push_back(piece);
  }
  data.preTokenizers = {makeStep(StepKind::ByteLevel, UseRegex)};
  data.decoders = {makeStep(StepKind::ByteLevel)};
  return data;
}

/// `<unk>` is 0 and U+2581 is 1, "a" to "z" are 2 to 27, and byte tokens begin
/// at 28; text is marked as Llama 2 marks it.
inline BytePairData markedVocabulary() {
  BytePairData data;
  data.pieces = {"<unk>", "\xE2\x96\x81"};
  for (char letter = 'a'; letter <= 'z'; ++letter)
    data.pieces.push_back(std::string(1, letter));
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    data.pieces.push_back(name);
  }
  data.unk = 0;
  data.byteFallback = true;
  data.fuseUnk = true;
  data.normalizers = {makeStep(StepKind::Prepend, 0, {}, "\xE2\x96\x81"),
                      makeStep(StepKind::Replace, 0, " ", "\xE2\x96\x81")};
  data.decoders = {makeStep(StepKind::Replace, 0, "\xE2\x96\x81", " "),
                   makeStep(StepKind::ByteFallback), makeStep(StepKind::Fuse),
                   makeStep(StepKind::Strip, Left, {}, " ")};
  return data;
}

/// A tokenizer that must be valid.
inline BytePairTokenizer makeBytePairs(BytePairData data) {
  Expected<BytePairTokenizer> tokenizer =
      BytePairTokenizer::create(std::move(data));
  assert(tokenizer.ok());
  return std::move(*tokenizer);
}

} // namespace sterna

#endif // STERNA_UNIT_TEXT_SMALLBYTEPAIRS_H
