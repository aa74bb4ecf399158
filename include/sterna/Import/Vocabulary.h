//===- Vocabulary.h - Vocabularies as the runtime takes them ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary that an importer described, as what the runtime's tokenizers
// are made from: importers ask them whether it is one, and exporters what it
// does with text.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_VOCABULARY_H
#define STERNA_IMPORT_VOCABULARY_H

#include "sterna/Import/Model.h"

namespace sterna {

struct BytePairData;
struct TokenizerData;

/// What `tokenizer`, of the kind "bpe", was made from.
BytePairData getBytePairs(const TokenizerDescription &tokenizer);

/// What `tokenizer`, of the kind "llama", was made from.
TokenizerData getSentencePieces(const TokenizerDescription &tokenizer);

} // namespace sterna

#endif // STERNA_IMPORT_VOCABULARY_H
