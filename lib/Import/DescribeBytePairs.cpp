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
  auto built = BytePairTokenizer::create(data);
  if (!built.ok())
    return llvm::createStringError(built.message());
  if (built->size() > rows)
    return llvm::createStringError(
        "the vocabulary has " + llvm::Twine(built->size()) +
        " tokens, but the embedding has " + llvm::Twine(rows) + " rows");
  if (data.addEos)
    return llvm::createStringError(
        "the tokenizer ends texts with EOS (add_eos_token, or the "
        "post-processor of tokenizer.json), which is not supported");
  TokenizerDescription description;
  description.model = "bpe";
  description.bytePairs = writeBytePairs(data);
  description.pieces = std::move(data.pieces);
  description.bos = data.bos;
  description.eos = data.eos;
  description.unk = data.unk;
  description.pad = data.pad;
  description.endIds = std::move(data.endIds);
  description.addBos = data.addBos;
  description.addSpacePrefix = false;
  return description;
}
