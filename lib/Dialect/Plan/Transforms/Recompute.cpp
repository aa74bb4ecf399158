//===- Recompute.cpp - Recompute activations in the backward pass ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-recompute: does what Decide.cpp says. A recomputed
// value is a cloned dispatch, placed right before its first use: since the
// backward pass takes the blocks in reverse, only one block's activations live
// at a time.
//
//===----------------------------------------------------------------------===//

#include "Decide.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_RECOMPUTEPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

struct Recompute : sterna::plan::impl::RecomputePassBase<Recompute> {
  using RecomputePassBase::RecomputePassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (enabled) {
      copies.clear();
      Liveness liveness = computeLiveness(function);
      recomputed = decideRecomputed(function, liveness);
      for (Operation &op : llvm::make_early_inc_range(function.front()))
        if (liveness.backward.contains(&op) && isa<DispatchOp>(op))
          for (OpOperand &operand : op.getOpOperands())
            operand.set(recompute(operand.get(), &op));
    }
    for (auto marker :
         llvm::make_early_inc_range(function.getOps<tern::CheckpointOp>())) {
      marker.replaceAllUsesWith(marker.getInput());
      marker.erase();
    }
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  /// Returns a copy of `value`, computed before `user` or earlier; `value`
  /// itself when it is kept.
  Value recompute(Value value, Operation *user) {
    Operation *op = value.getDefiningOp();
    if (!op || !recomputed.contains(op))
      return value;
    if (Value copy = copies.lookup(value))
      return copy;
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, recompute(operand, user));
    OpBuilder builder(user);
    Operation *clone = builder.clone(*op, mapping);
    if (isa<DispatchOp>(op))
      ++numCloned;
    for (auto [from, to] :
         llvm::zip_equal(op->getResults(), clone->getResults()))
      copies[from] = to;
    return copies[value];
  }

  llvm::DenseSet<Operation *> recomputed;
  llvm::DenseMap<Value, Value> copies;
};

} // namespace
