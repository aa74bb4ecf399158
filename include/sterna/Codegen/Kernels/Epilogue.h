//===- Epilogue.h - Elementwise end of a kernel -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What follows the root of a kernel is of the same kind for all of them:
// elementwise ops on its result, broadcast arguments and residuals.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_EPILOGUE_H
#define STERNA_CODEGEN_KERNELS_EPILOGUE_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include <optional>

namespace sterna::kernels {

/// Whether `op` gives a tensor of the shape [M, N] elementwise: from tensors of
/// that shape, as a constant splat, or as the broadcast of a kernel argument of
/// rank 0 or 1.
bool isTileOp(mlir::Operation *op, llvm::ArrayRef<int64_t> shape);

/// The ops of a kernel other than its root, as a function of the root's result,
/// whose elements are computed each from those at the same place.
struct Epilogue {
  /// Buffer and value of the kernel's result.
  unsigned output = 0;
  mlir::Value result;
  mlir::Operation *root = nullptr;

  /// The epilogue of `kernel` with the given root of one 2-D f32 result; none
  /// when the kernel has more than one result, or an op that is neither part of
  /// the root's initialisation nor an elementwise op on tiles, or when a tied
  /// argument is read elsewhere than where it is written.
  static std::optional<Epilogue> match(plan::KernelOp kernel,
                                       mlir::Operation *root);
};

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_EPILOGUE_H
