//===- ExportHuggingFace.h - Models as folders of transformers --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The writer of checkpoints; docs/convert.md says what it takes and refuses.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_EXPORT_HUGGINGFACE_EXPORTHUGGINGFACE_H
#define STERNA_EXPORT_HUGGINGFACE_EXPORTHUGGINGFACE_H

#include "sterna/Import/Model.h"
#include "sterna/Weights/StorageFormat.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Writes `model`, which was read from `source`, to the folder `path`, its
/// linears as `linears`: BitNetU8 or floats. A source that is a folder passes
/// its tokenizer's files on. Fails, with what does not fit and why, where a
/// configuration cannot say what the model is; config.json, without which a
/// folder is no model, is written last.
llvm::Error exportHuggingFace(const ModelDescription &model,
                              llvm::StringRef source, llvm::StringRef path,
                              StorageType linears);

} // namespace sterna

#endif // STERNA_EXPORT_HUGGINGFACE_EXPORTHUGGINGFACE_H
