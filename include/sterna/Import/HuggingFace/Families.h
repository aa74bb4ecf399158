//===- Families.h - Classes of models in transformers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the class of a checkpoint decides of a model, for those who read folders
// and those who write them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_HUGGINGFACE_FAMILIES_H
#define STERNA_IMPORT_HUGGINGFACE_FAMILIES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace sterna {

struct CheckpointFamily {
  /// The class, and the GGUF architecture and `model_type` of its models.
  llvm::StringLiteral className, architecture;
  /// Defaults of the class where its configuration is silent.
  double theta;
  bool tied;
  /// Norms of inner results, and of the heads of q and k.
  bool subNorms = false, headNorms = false;
  /// Whether embeddings, residuals and logits are scaled.
  bool scales = false;
  /// Whether layers may see a window of columns alone.
  bool windows = false;
};

/// Those that are known.
llvm::ArrayRef<CheckpointFamily> getCheckpointFamilies();

} // namespace sterna

#endif // STERNA_IMPORT_HUGGINGFACE_FAMILIES_H
