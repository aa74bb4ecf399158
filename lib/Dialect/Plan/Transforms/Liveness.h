//===- Liveness.h - When values are alive ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first stage of planning: facts about a program function that deciding
// what to keep and placing it both rest on.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_LIVENESS_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_LIVENESS_H

#include "InPlace.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

#include <vector>

namespace sterna::plan {

/// A tensor that a dispatch computes, alive in steps [first, last]; with it,
/// what takes its place.
struct LiveValue {
  mlir::Value value;
  int64_t first, last;
  bool isBackward;
};

/// An operand, by its number, and the value in whose place it lies.
struct Replaced {
  unsigned operand = 0;
  mlir::Value place;
};

/// Dispatch number n of a program function runs in step n.
struct Liveness {
  std::vector<LiveValue> values; // in order of their steps
  /// By result of a dispatch that takes the place of an operand.
  llvm::DenseMap<mlir::Value, Replaced> replaced;
  /// The ops of the backward pass; none in a function without one.
  llvm::DenseSet<mlir::Operation *> backward;
  int64_t firstBackward = -1; // the backward pass's first step, or -1
};

/// In a function with a backward pass, results take the place of operands that
/// die, by `inPlace`.
Liveness computeLiveness(mlir::func::FuncOp function, InPlaceKernels &inPlace);

/// Lets dispatches that write in place, by `liveness`, run kernels that do.
void useInPlaceKernels(mlir::func::FuncOp function, const Liveness &liveness,
                       InPlaceKernels &inPlace);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_LIVENESS_H
