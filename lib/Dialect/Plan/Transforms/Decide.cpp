//===- Decide.cpp - What to keep and what to compute again ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The checkpoints decide: all of a block is computed again from its input.
// A budget of memory will choose here.
//
//===----------------------------------------------------------------------===//

#include "Decide.h"

#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;

llvm::DenseSet<Operation *> plan::decideRecomputed(func::FuncOp function,
                                                   const Liveness &liveness) {
  Operation *lastMarker = nullptr;
  for (auto marker : function.getOps<tern::CheckpointOp>())
    lastMarker = marker;
  llvm::DenseSet<Operation *> recomputed;
  if (!lastMarker)
    return recomputed;
  // What follows the last checkpoint is needed at once: computing it again
  // would save nothing.
  for (Operation &op : function.front()) {
    if (&op == lastMarker)
      break;
    if (!isa<tern::GetParamOp, tern::CheckpointOp>(op) &&
        !liveness.backward.contains(&op))
      recomputed.insert(&op);
  }
  return recomputed;
}
