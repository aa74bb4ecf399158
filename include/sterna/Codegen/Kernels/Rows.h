//===- Rows.h - Kernels that work row by row --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Norms, their gradient, and quantizers, with what is elementwise around them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_ROWS_H
#define STERNA_CODEGEN_KERNELS_ROWS_H

#include "sterna/Codegen/Kernels/Epilogue.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

namespace sterna::kernels {

/// Elementwise ops on rows [M, N] of f32, a norm of what they give, elementwise
/// ops again, and a quantizer, in this order. At least one of norm and
/// quantizer is there; results may be yielded anywhere on the way, and none is
/// tied.
struct Rows {
  int64_t m = 0, n = 0;
  tern::RmsNormOp norm;
  tern::QuantizeOp quantize;

  static std::optional<Rows> match(plan::KernelOp kernel);
};

/// The gradient of a norm on rows [M, N] of f32, with an epilogue.
struct NormGradient {
  int64_t m = 0, n = 0;
  /// Numbers of kernel arguments.
  unsigned input = 0, weight = 0, cotangent = 0;
  double epsilon = 0;
  Epilogue epilogue;

  static std::optional<NormGradient> match(plan::KernelOp kernel);
};

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_ROWS_H
