//===- Decide.h - What to keep and what to compute again ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second stage of planning, and the only one that trades memory for time.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H

#include "NarrowSaved.h"
#include "Rematerialize.h"

namespace sterna::plan {

/// All that the checkpoints of `function` say: each block is computed again
/// from its input, which is kept.
Recomputed decideByCheckpoints(mlir::func::FuncOp function);

/// A decision and the bytes of the arena with which its program runs.
struct Budgeted {
  Recomputed recomputed;
  int64_t arenaBytes;
};

/// What computes the least again, by Cost.h, of all that was tried whose arena
/// has at most `limit` bytes; where none has, what has the smallest arena.
/// Where inputs of all blocks are kept, more is: first what saves the most time
/// for its bytes. Where they do not fit, blocks are computed again in two
/// halves, and then only each second input is kept, each third and so on (Chen
/// et al. 2016, arXiv:1604.06174). What is kept lies in `saved`.
Budgeted decideByBudget(mlir::func::FuncOp function, mlir::SymbolTable &kernels,
                        SavedType &saved, int64_t limit);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_DECIDE_H
