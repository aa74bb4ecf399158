//===- LoopGradients.h - Differentiation of linalg loops --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rule of every linalg op that has none of its own. Private to
// lib/Autodiff.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_AUTODIFF_LOOPGRADIENTS_H
#define STERNA_LIB_AUTODIFF_LOOPGRADIENTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace sterna {

/// Cotangents of the operands of `op` that are `wanted`, as
/// `DifferentiableOpInterface` asks for them. Fails with an error where the
/// results are neither elementwise nor a sum, product, minimum or maximum.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildLoopGradients(mlir::linalg::LinalgOp op, mlir::OpBuilder &builder,
                   mlir::ValueRange cotangents, llvm::ArrayRef<bool> wanted);

} // namespace sterna

#endif // STERNA_LIB_AUTODIFF_LOOPGRADIENTS_H
