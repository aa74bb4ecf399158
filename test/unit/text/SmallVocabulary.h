//===- SmallVocabulary.h - A vocabulary small enough to read ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokenizer that the tests of this folder share: ids below are what they
// expect.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_UNIT_TEXT_SMALLVOCABULARY_H
#define STERNA_UNIT_TEXT_SMALLVOCABULARY_H

#include "text/SentencePieceTokenizer.h"

#include <cassert>
#include <cstdio>

namespace sterna {

/// `<unk> <s> </s>`, byte tokens at 3 .. 258, then `pieces` as normal tokens,
/// the first with the highest score.
inline TokenizerData smallVocabulary(const std::vector<std::string> &pieces) {
  TokenizerData data;
  auto add = [&](const std::string &piece, float score, TokenType type) {
    data.pieces.push_back(piece);
    data.scores.push_back(score);
    data.types.push_back(static_cast<int32_t>(type));
  };
  add("<unk>", 0, TokenType::Unknown);
  add("<s>", 0, TokenType::Control);
  add("</s>", 0, TokenType::Control);
  for (unsigned value = 0; value < 256; ++value) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", value);
    add(name, 0, TokenType::Byte);
  }
  for (size_t i = 0; i < pieces.size(); ++i)
    add(pieces[i], -static_cast<float>(i), TokenType::Normal);
  data.bos = 1;
  data.eos = 2;
  data.unk = 0;
  return data;
}

/// Adds a token of the given type; its id is returned.
inline int32_t addToken(TokenizerData &data, const std::string &piece,
                        TokenType type) {
  data.pieces.push_back(piece);
  data.scores.push_back(0);
  data.types.push_back(static_cast<int32_t>(type));
  return static_cast<int32_t>(data.pieces.size()) - 1;
}

/// The id of the token for a byte.
inline int32_t byteToken(char byte) {
  return 3 + static_cast<unsigned char>(byte);
}

/// A tokenizer that must be valid.
inline SentencePieceTokenizer makeTokenizer(TokenizerData data) {
  Expected<SentencePieceTokenizer> tokenizer =
      SentencePieceTokenizer::create(std::move(data));
  assert(tokenizer.ok());
  return std::move(*tokenizer);
}

/// A tokenizer in which every character is its own bytes.
inline SentencePieceTokenizer byteTokenizer() {
  return makeTokenizer(smallVocabulary({"\xE2\x96\x81"}));
}

} // namespace sterna

#endif // STERNA_UNIT_TEXT_SMALLVOCABULARY_H
