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

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

#include <vector>

namespace sterna::plan {

/// A tensor that a dispatch computes, alive in steps [first, last].
struct LiveValue {
  mlir::Value value;
  int64_t first, last;
  bool isBackward;
};

/// Dispatch number n of a program function runs in step n.
struct Liveness {
  std::vector<LiveValue> values; // in order of their steps
  /// The ops of the backward pass; none in a function without one.
  llvm::DenseSet<mlir::Operation *> backward;
  int64_t firstBackward = -1; // the backward pass's first step, or -1
};

Liveness computeLiveness(mlir::func::FuncOp function);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_LIVENESS_H
