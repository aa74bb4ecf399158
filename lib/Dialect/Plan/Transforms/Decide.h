//===- Decide.h - What to keep and what to compute again ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second stage of planning, and the only one that trades memory for time.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H

#include "Liveness.h"

namespace sterna::plan {

/// The ops of the forward pass whose values the backward pass computes again
/// instead of keeping them.
llvm::DenseSet<mlir::Operation *> decideRecomputed(mlir::func::FuncOp function,
                                                   const Liveness &liveness);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H
