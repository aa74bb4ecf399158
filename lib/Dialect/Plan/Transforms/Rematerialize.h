//===- Rematerialize.h - Compute forward values again ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Does what Decide.h says.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_REMATERIALIZE_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_REMATERIALIZE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"

namespace sterna::plan {

/// Ops of the forward pass, by their numbers in the function.
struct Recomputed {
  explicit Recomputed(size_t size) : ops(size), cuts(size) {}

  /// Those whose values the backward pass computes again; of a tern.checkpoint
  /// the value is not kept.
  llvm::BitVector ops;
  /// Of these, dispatches between which and the next nothing is held that is
  /// computed on the way to them, as it is for a tern.checkpoint.
  llvm::BitVector cuts;
};

/// Lets the backward pass of `function` compute `recomputed` again, removes
/// checkpoints, and lets state be replaced after its last use. Returns how many
/// dispatches were cloned.
unsigned rematerialize(mlir::func::FuncOp function,
                       const Recomputed &recomputed);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_REMATERIALIZE_H
