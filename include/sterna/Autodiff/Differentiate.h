//===- Differentiate.h - Reverse-mode differentiation ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The engine of --sterna-differentiate, for passes that need gradients inside
// a function that they build.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_AUTODIFF_DIFFERENTIATE_H
#define STERNA_AUTODIFF_DIFFERENTIATE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace sterna {

/// Builds, at the insertion point of `builder`, the gradients of `scalar` with
/// respect to `wanted` times `seed`, the cotangent of `scalar` (of its type).
///
/// All values belong to one block, whose ops are walked once; the insertion
/// point is in that block, after `scalar` and `seed`. `scalar` and `wanted` are
/// floats or float tensors; the types on the way are static. Returns one value
/// for each element of `wanted`, of its type, a constant zero where it has no
/// influence. New ops have the location of the op that they differentiate,
/// named "grad". Fails after an error at the first op without a rule; ops built
/// until then stay.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildGradients(mlir::OpBuilder &builder, mlir::Value scalar, mlir::Value seed,
               llvm::ArrayRef<mlir::Value> wanted);

} // namespace sterna

#endif // STERNA_AUTODIFF_DIFFERENTIATE_H
