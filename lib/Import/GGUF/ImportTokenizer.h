//===- ImportTokenizer.h - Vocabularies from GGUF files ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The keys `tokenizer.*`, apart from the model's own, which decide what is
// computed where these decide what is read and written.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_GGUF_IMPORTTOKENIZER_H
#define STERNA_LIB_IMPORT_GGUF_IMPORTTOKENIZER_H

#include "sterna/Import/GGUF/GGUFFile.h"
#include "sterna/Import/Model.h"

namespace sterna {

/// Reads the vocabulary of `file`, whose table of embeddings has `rows` rows.
/// Fails on one that the runtime would refuse.
llvm::Expected<TokenizerDescription> importTokenizer(const GGUFFile &file,
                                                     int64_t rows);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_IMPORTTOKENIZER_H
