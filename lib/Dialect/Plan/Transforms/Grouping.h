//===- Grouping.h - Which ops run as one kernel -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules by which ops of a program function become dispatches: groups, whose
// ops hand values on within a kernel, and stacks of groups that do not depend
// on each other.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_GROUPING_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_GROUPING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

#include <vector>

namespace sterna::plan {

/// Whether `op` computes one tensor, each element from those at its place.
bool isElementwise(mlir::Operation *op);

/// Ops that cost next to nothing to repeat and are cloned into their users'
/// kernels: constants, broadcasts, and elementwise ops of nothing else.
bool isCloneable(mlir::Operation *op);

/// Whether a dispatch more costs more than `value` does in memory and in time
/// on one thread.
bool isSmall(mlir::Value value);

/// Whether `op` is nested in, or is, one of `ops`.
bool isInside(mlir::Operation *op, llvm::ArrayRef<mlir::Operation *> ops);

/// Ops in program order.
struct Group {
  llvm::SmallVector<mlir::Operation *> ops;
  /// Whether it is a run of elementwise ops, which others of its shape may
  /// join.
  bool elementwise = false;

  bool contains(mlir::Operation *op) const {
    return llvm::is_contained(ops, op);
  }
};

/// What the kernel of `ops` reads; what is cloned into it, it does not.
llvm::SetVector<mlir::Value> getInputs(llvm::ArrayRef<mlir::Operation *> ops);

/// What ops other than `ops` read of their results.
llvm::SmallVector<mlir::Value>
getOutputs(llvm::ArrayRef<mlir::Operation *> ops);

/// The groups of `function`, in the order of their last ops, where they may
/// stand. With `fuseRows`, norms and quantizers join what they read.
std::vector<Group> formGroups(mlir::func::FuncOp function, bool fuseRows);

/// Groups that become one dispatch, where the first of them stands.
using Stack = llvm::SmallVector<const Group *, 1>;

/// Stacks of `groups`, in order; each by itself unless `enabled`.
std::vector<Stack> stackGroups(mlir::func::FuncOp function,
                               llvm::ArrayRef<Group> groups, bool enabled);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_GROUPING_H
