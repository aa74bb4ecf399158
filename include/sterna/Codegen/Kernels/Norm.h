//===- Norm.h - Kernels that are a root mean square norm --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tern.rms_norm and its gradient.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_NORM_H
#define STERNA_CODEGEN_KERNELS_NORM_H

#include "sterna/Codegen/Kernels/Epilogue.h"

namespace sterna::kernels {

/// On rows [M, N] of f32.
struct Norm {
  int64_t m = 0, n = 0;
  /// Numbers of kernel arguments.
  unsigned input = 0, weight = 0;
  /// Of the gradient.
  std::optional<unsigned> cotangent;
  double epsilon = 0;
  Epilogue epilogue;

  static std::optional<Norm> match(plan::KernelOp kernel);
};

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_NORM_H
