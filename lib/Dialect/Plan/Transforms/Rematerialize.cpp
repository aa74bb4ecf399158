//===- Rematerialize.cpp - Compute forward values again -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A recomputed value is a cloned dispatch, placed right before its first use:
// since the backward pass takes the blocks in reverse, only one block's
// activations live at a time. Where inputs of blocks are not kept either, or
// blocks are cut, they are computed once, from the last that is kept, and what
// is computed on the way to them is not held until its own block's turn.
//
//===----------------------------------------------------------------------===//

#include "Rematerialize.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

class Rematerialization {
public:
  Rematerialization(func::FuncOp function, const Recomputed &recomputed) {
    for (auto [number, op] : llvm::enumerate(function.front()))
      if (recomputed.ops.test(number)) {
        chosen.insert(&op);
        if (isa<tern::CheckpointOp>(op) || recomputed.cuts.test(number))
          cuts.insert(&op);
      }
  }

  /// Lets `op` use copies.
  void replaceOperands(Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      operand.set(copyOf(operand.get(), op));
  }

  unsigned numCloned = 0;

private:
  /// A copy of `value`, computed before `user` or earlier; `value` itself when
  /// it is kept.
  Value copyOf(Value value, Operation *user) {
    Operation *op = value.getDefiningOp();
    if (!op || !chosen.contains(op))
      return value;
    if (Value copy = copies.lookup(value))
      return copy;
    if (!cuts.contains(op))
      return clone(op, value, user);
    // Only inputs of blocks, and this, outlive this.
    llvm::DenseMap<Value, Value> outer = copies;
    Value copy = clone(op, value, user);
    for (auto &[from, to] : copies)
      if (from.getDefiningOp() == op ||
          from.getDefiningOp<tern::CheckpointOp>())
        outer[from] = to;
    copies = std::move(outer);
    return copy;
  }

  Value clone(Operation *op, Value value, Operation *user) {
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, copyOf(operand, user));
    Operation *cloned = OpBuilder(user).clone(*op, mapping);
    if (isa<DispatchOp>(op))
      ++numCloned;
    for (auto [from, to] :
         llvm::zip_equal(op->getResults(), cloned->getResults()))
      copies[from] = to;
    return copies[value];
  }

  llvm::DenseSet<Operation *> chosen, cuts;
  llvm::DenseMap<Value, Value> copies;
};

/// The last op that reads `argument`, itself or through views; null if none
/// does.
Operation *findLastReader(BlockArgument argument) {
  Operation *last = nullptr;
  SmallVector<Value> worklist{argument};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (isView(user))
        worklist.push_back(user->getResult(0));
      else if (!last || last->isBeforeInBlock(user))
        last = user;
    }
  return last;
}

/// Moves `op` behind `other`, and views of it with it.
void moveBehind(Operation *op, Operation *other) {
  op->moveAfter(other);
  for (Operation *user : op->getUsers())
    if (isView(user))
      moveBehind(user, op);
}

/// Moves what replaces state behind its last reader, which may be a copy.
void sinkUpdates(func::FuncOp function) {
  Operation *terminator = function.front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto tied = function.getResultAttrOfType<IntegerAttr>(
        operand.getOperandNumber(), tern::tiedAttr);
    auto writer = getViewed(operand.get()).first.getDefiningOp<DispatchOp>();
    if (!tied || !writer)
      continue;
    Operation *last = findLastReader(function.getArgument(tied.getInt()));
    bool onlyReturned = llvm::all_of(writer->getUsers(), [&](Operation *user) {
      return user == terminator || isView(user);
    });
    if (last && writer->isBeforeInBlock(last) && onlyReturned)
      moveBehind(writer, last);
  }
}

} // namespace

unsigned plan::rematerialize(func::FuncOp function,
                             const Recomputed &recomputed) {
  llvm::DenseSet<Operation *> backward = getBackwardOps(function);
  Rematerialization copies(function, recomputed);
  for (Operation &op : llvm::make_early_inc_range(function.front()))
    if (backward.contains(&op) && isa<DispatchOp>(op))
      copies.replaceOperands(&op);
  for (auto marker :
       llvm::make_early_inc_range(function.getOps<tern::CheckpointOp>())) {
    marker.replaceAllUsesWith(marker.getInput());
    marker.erase();
  }
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  sinkUpdates(function);
  return copies.numCloned;
}
