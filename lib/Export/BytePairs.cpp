//===- BytePairs.cpp - A description's byte pairs -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BytePairs.h.
//
//===----------------------------------------------------------------------===//

#include "BytePairs.h"

#include "text/BytePairFormat.h"

sterna::BytePairData
sterna::getBytePairs(const TokenizerDescription &tokenizer) {
  BytePairData data = readBytePairs(tokenizer.bytePairs);
  data.pieces = tokenizer.pieces;
  data.bos = tokenizer.bos;
  data.eos = tokenizer.eos;
  data.unk = tokenizer.unk;
  data.pad = tokenizer.pad;
  data.addBos = tokenizer.addBos;
  data.endIds = tokenizer.endIds;
  return data;
}
