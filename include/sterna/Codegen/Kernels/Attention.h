//===- Attention.h - Kernels that are attention -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Causal grouped-query attention, tern.attention, and its gradient.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_ATTENTION_H
#define STERNA_CODEGEN_KERNELS_ATTENTION_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include <optional>

namespace sterna::kernels {

/// `[B, S, H, G, D]` queries of f32, `[B, C, H, D]` keys and values of f32, f16
/// or i8; the gradient's are f32.
struct Attention {
  int64_t batch = 0, tokens = 0, heads = 0, groups = 0, width = 0, columns = 0;
  /// Numbers of kernel arguments.
  unsigned query = 0, key = 0, value = 0;
  /// Of the gradient.
  std::optional<unsigned> cotangent;
  /// Those with the segments of tokens and of columns, if they have any.
  std::optional<unsigned> querySegments, keySegments;
  /// Those with what rows of keys and of values of i8 are multiplied by,
  /// `[B, C, H]`.
  std::optional<unsigned> keyScales, valueScales;
  /// Argument with the position of the first token, or that position.
  std::optional<unsigned> positionArgument;
  int64_t position = 0;
  /// What scores are multiplied by, and how many columns a token sees.
  double scale = 1;
  std::optional<int64_t> window;

  /// The query heads of all tokens of a key-value head.
  int64_t rows() const { return tokens * groups; }

  /// The attention of a kernel that yields all results of the tern.attention or
  /// tern.attention_grad in it, and does nothing else; none for another kernel.
  static std::optional<Attention> match(plan::KernelOp kernel);
};

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_ATTENTION_H
