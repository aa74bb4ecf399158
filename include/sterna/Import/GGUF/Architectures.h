//===- Architectures.h - What names of GGUF stand for -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `general.architecture` alone decides of a model, for those who read GGUF
// files and those who write them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_GGUF_ARCHITECTURES_H
#define STERNA_IMPORT_GGUF_ARCHITECTURES_H

#include "sterna/Import/Model.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace sterna {

struct GGUFArchitecture {
  llvm::StringLiteral name = "";
  FeedForwardActivation activation = FeedForwardActivation::SiLU;
  /// Whether its definition quantizes activations to int8; none: it is open.
  std::optional<bool> int8Activations;
  /// Norms of inner results, where the tensors exist, and of the heads of q and
  /// k.
  bool subNorms = false, headNorms = false;
  /// Whether rows of q and k come in interleaved-rotary order.
  bool interleavedRope = false;
  /// Whether tensors may divide rotary frequencies.
  bool ropeDivisors = false;
  /// Whether it scales embeddings, residuals and logits.
  bool scales = false;
};

/// Those that are known.
llvm::ArrayRef<GGUFArchitecture> getGGUFArchitectures();

/// The one called `name`, or null.
const GGUFArchitecture *findGGUFArchitecture(llvm::StringRef name);

} // namespace sterna

#endif // STERNA_IMPORT_GGUF_ARCHITECTURES_H
