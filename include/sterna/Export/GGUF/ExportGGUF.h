//===- ExportGGUF.h - Models as GGUF files ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The writer of GGUF; docs/convert.md says what it takes and refuses.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_EXPORT_GGUF_EXPORTGGUF_H
#define STERNA_EXPORT_GGUF_EXPORTGGUF_H

#include "sterna/Import/Model.h"
#include "sterna/Weights/StorageFormat.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Writes `model` to the file `path`, its linears as `linears`. Fails, with
/// what does not fit and why, where GGUF cannot say what the model is; nothing
/// is written then.
llvm::Error exportGGUF(const ModelDescription &model, llvm::StringRef path,
                       StorageType linears);

} // namespace sterna

#endif // STERNA_EXPORT_GGUF_EXPORTGGUF_H
