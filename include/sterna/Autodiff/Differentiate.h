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

/// Builds, at the insertion point of `builder`, the gradients of `output` with
/// respect to `wanted` times `seed`, the cotangent of `output` (of its type).
///
/// Ops are walked once, in the block of the insertion point, which is after
/// `output` and `seed`. `output` and `wanted` are floats or float tensors; the
/// types on the way are static. Returns one value for each element of `wanted`,
/// of its type, a constant zero where it has no influence. New ops have the
/// location of the op that they differentiate, named "grad"; scalars in the
/// body of new loops have it plain. Fails after an error at the first op that
/// has no rule, or that depends on `wanted` through something that has no
/// gradient: integers, memory, calls. Ops built until then stay.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildGradients(mlir::OpBuilder &builder, mlir::Value output, mlir::Value seed,
               mlir::ValueRange wanted);

/// Whether `output` of the ops of `block` depends on `input`, other than by
/// selections.
bool dependsOn(mlir::Block &block, mlir::Value output, mlir::Value input);

} // namespace sterna

#endif // STERNA_AUTODIFF_DIFFERENTIATE_H
