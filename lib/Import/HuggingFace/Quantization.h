//===- Quantization.h - How a checkpoint stores its linears -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `quantization_config` of transformers and `quantization` of MLX say of
// linears and of the files.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_QUANTIZATION_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_QUANTIZATION_H

#include "Config.h"

namespace sterna {

struct Quantization {
  /// Whether linears quantize their input to int8; without any quantization
  /// they do not.
  bool int8Activations = false;
  /// Whether weights are latent floats that the forward pass makes ternary.
  bool isOnline = false;
  /// Whether `weight_scale` divides, not multiplies; none: the configuration
  /// does not say.
  std::optional<bool> scaleDivides;
  /// Whether each linear norms its input first, and by which epsilon.
  bool linearNorms = false;
  double linearNormEpsilon = 1e-6;
  /// Columns that share a scale in MLX's packing of 2 bits; none: another.
  std::optional<int64_t> mlxGroup;
};

/// Reads the quantization of `config`. Fails, naming the key, on what is not
/// understood.
llvm::Expected<Quantization> readQuantization(Config &config);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_QUANTIZATION_H
