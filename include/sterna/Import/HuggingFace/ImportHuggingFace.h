//===- ImportHuggingFace.h - Models from Hugging Face folders ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer of checkpoints as transformers and MLX publish them;
// docs/import.md says what it takes and refuses.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_HUGGINGFACE_IMPORTHUGGINGFACE_H
#define STERNA_IMPORT_HUGGINGFACE_IMPORTHUGGINGFACE_H

#include "sterna/Import/Importer.h"

namespace sterna {

/// The importer of folders with config.json and safetensors files.
std::unique_ptr<Importer> createHuggingFaceImporter();

} // namespace sterna

#endif // STERNA_IMPORT_HUGGINGFACE_IMPORTHUGGINGFACE_H
