//===- TensorNames.h - Names of transformers and of GGUF --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translates the names of tensors in checkpoints of Hugging Face's transformers
// to those of GGUF, which the IR has, and back.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_HUGGINGFACE_TENSORNAMES_H
#define STERNA_IMPORT_HUGGINGFACE_TENSORNAMES_H

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace sterna {

/// What a tensor of a checkpoint is: "model.layers.3.mlp.up_proj.weight_scale"
/// has the stem "blk.3.ffn_up" and the role "weight_scale".
struct TensorName {
  std::string stem;
  std::string role;
};

/// Splits a checkpoint's name; none if it is not one of a decoder's.
std::optional<TensorName> parseTensorName(llvm::StringRef name);

/// The checkpoint's name of what GGUF calls `name`.
std::string spellTensorName(llvm::StringRef name);

} // namespace sterna

#endif // STERNA_IMPORT_HUGGINGFACE_TENSORNAMES_H
