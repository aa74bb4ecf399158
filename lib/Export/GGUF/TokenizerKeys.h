//===- TokenizerKeys.h - Vocabularies in GGUF's words -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says a model's vocabulary, and how text is split by it, by the keys under
// `tokenizer.`.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_GGUF_TOKENIZERKEYS_H
#define STERNA_LIB_EXPORT_GGUF_TOKENIZERKEYS_H

#include "GGUFWriter.h"
#include "sterna/Import/Model.h"

namespace sterna {

/// Fails, naming the token or the step, where GGUF has no words for it.
llvm::Error addTokenizerKeys(GGUFWriter &writer, const ModelDescription &model);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_GGUF_TOKENIZERKEYS_H
