//===- DescribeBytePairs.cpp - Byte-pair vocabularies of models -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DescribeBytePairs.h. The runtime's tokenizer itself is asked: a model
// that compiles can be run.
//
//===----------------------------------------------------------------------===//

#include "DescribeBytePairs.h"

#include "text/BytePairFormat.h"
#include "text/BytePairTokenizer.h"

llvm::Expected<sterna::TokenizerDescription>
sterna::describeBytePairs(BytePairData data, int64_t rows) {
  auto built = BytePairTokenizer::create(std::move(data));
  if (!built.ok())
    return llvm::createStringError(built.message());
  if (built->size() > rows)
    return llvm::createStringError(
        "the vocabulary has " + llvm::Twine(built->size()) +
        " tokens, but the embedding has " + llvm::Twine(rows) + " rows");
  const BytePairData &kept = built->data();
  TokenizerDescription description;
  description.model = "bpe";
  description.pieces = kept.pieces;
  description.bos = kept.bos;
  description.eos = kept.eos;
  description.unk = kept.unk;
  description.pad = kept.pad;
  description.endIds = kept.endIds;
  description.addBos = kept.addBos;
  description.addSpacePrefix = false;
  description.bytePairs = writeBytePairs(kept);
  return description;
}
