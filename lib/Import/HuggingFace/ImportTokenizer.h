//===- ImportTokenizer.h - Vocabularies of checkpoints ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tokenizer.json and the files beside it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_IMPORTTOKENIZER_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_IMPORTTOKENIZER_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Reads the vocabulary and the chat template in `folder`, for an embedding of
/// `rows` rows.
llvm::Expected<TokenizerDescription>
importCheckpointTokenizer(llvm::StringRef folder, int64_t rows);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_IMPORTTOKENIZER_H
