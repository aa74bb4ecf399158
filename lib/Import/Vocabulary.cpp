//===- Vocabulary.cpp - Vocabularies as the runtime takes them ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Vocabulary.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/Vocabulary.h"

#include "text/BytePairFormat.h"
#include "text/SentencePieceTokenizer.h"

/// Sets what both kinds have.
template <typename Data>
static void setTokens(Data &data,
                      const sterna::TokenizerDescription &tokenizer) {
  data.pieces = tokenizer.pieces;
  data.bos = tokenizer.bos;
  data.eos = tokenizer.eos;
  data.unk = tokenizer.unk;
  data.pad = tokenizer.pad;
  data.addBos = tokenizer.addBos;
  data.endIds = tokenizer.endIds;
}

sterna::BytePairData
sterna::getBytePairs(const TokenizerDescription &tokenizer) {
  BytePairData data = readBytePairs(tokenizer.bytePairs);
  setTokens(data, tokenizer);
  return data;
}

sterna::TokenizerData
sterna::getSentencePieces(const TokenizerDescription &tokenizer) {
  TokenizerData data;
  setTokens(data, tokenizer);
  data.scores = tokenizer.scores;
  data.types = tokenizer.types;
  data.addSpacePrefix = tokenizer.addSpacePrefix;
  return data;
}
