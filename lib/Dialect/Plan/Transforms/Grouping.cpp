//===- Grouping.cpp - Ops that hand values on within a kernel -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Grouping.h. The rules are greedy and simple on purpose. A group is a root
// with the elementwise ops that follow it alone; a run of elementwise ops of
// one shape; such a run, a norm and a quantizer that read one another's rows;
// or a rotation of few rows and the writing of them to a cache.
//
//===----------------------------------------------------------------------===//

#include "Grouping.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

bool plan::isElementwise(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) &&
         op->getNumResults() == 1 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

bool plan::isCloneable(Operation *op) {
  if (isa<arith::ConstantOp, tensor::EmptyOp, tensor::SplatOp, linalg::FillOp,
          linalg::BroadcastOp>(op))
    return true;
  // A large matrix, of which a product reads the few bits.
  if (auto matrix = dyn_cast<tern::DequantizeOp>(op))
    return getViewed(matrix.getCodes()).first.getDefiningOp<tern::GetParamOp>();
  return isElementwise(op) &&
         llvm::all_of(op->getOperands(), [](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && isCloneable(producer);
         });
}

bool plan::isInside(Operation *op, ArrayRef<Operation *> ops) {
  return llvm::any_of(
      ops, [&](Operation *member) { return member->isAncestor(op); });
}

bool plan::isSmall(Value value) {
  constexpr int64_t most = 64 << 10;
  return bytesOf(value) <= most;
}

llvm::SetVector<Value> plan::getInputs(ArrayRef<Operation *> ops) {
  llvm::SetVector<Value> inputs;
  auto collect = [&](auto &collect, Value value) -> void {
    Operation *op = value.getDefiningOp();
    if (isInside(op ? op : value.getParentBlock()->getParentOp(), ops))
      return;
    if (!op || !isCloneable(op)) {
      inputs.insert(value);
      return;
    }
    for (Value operand : op->getOperands())
      collect(collect, operand);
  };
  for (Operation *op : ops)
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        collect(collect, operand);
    });
  return inputs;
}

SmallVector<Value> plan::getOutputs(ArrayRef<Operation *> ops) {
  SmallVector<Value> outputs;
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !isInside(user, ops); }))
        outputs.push_back(result);
  return outputs;
}

namespace {

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Ops of one kernel, at most: time to form and to emit one grows with their
/// square.
constexpr size_t mostOps = 64;

/// Assigns the ops of a program function to groups.
class Grouping {
public:
  Grouping(func::FuncOp function, bool fuseRows)
      : function(function), fuseRows(fuseRows),
        repeatable(getRepeatableOps(getBackwardOps(function))) {
    for (Operation &op : function.front())
      if (isCompute(&op))
        add(&op);
  }

  std::vector<Group> takeInOrder() {
    std::vector<Group> result;
    for (auto &group : groups)
      result.push_back(std::move(*group));
    llvm::stable_sort(result, [](const Group &x, const Group &y) {
      return x.ops.back()->isBeforeInBlock(y.ops.back());
    });
    return result;
  }

private:
  static bool isCompute(Operation *op) {
    if (isView(op) || op->hasTrait<OpTrait::IsTerminator>())
      return false;
    // A constant that leaves the function, or is viewed, must be written.
    if (isCloneable(op))
      return llvm::any_of(op->getUsers(), [](Operation *user) {
        return user->hasTrait<OpTrait::IsTerminator>() || isView(user);
      });
    return true;
  }

  void add(Operation *op) {
    bool elementwise = isElementwise(op);
    Group *group = elementwise ? findGroup(op) : findProducer(op);
    if (!group) {
      groups.push_back(std::make_unique<Group>());
      group = groups.back().get();
      group->elementwise = elementwise;
    }
    group->elementwise &= elementwise;
    group->ops.push_back(op);
    groupOf[op] = group;
    previous = group;
  }

  /// The group that elementwise `op` can join, or null.
  Group *findGroup(Operation *op) {
    // A root is worth more than a run: its result never reaches memory. But a
    // run that a norm or quantizer will join leaves the root to run with
    // others.
    bool prefersRun = fuseRows && feedsRows(op);
    Group *best = nullptr;
    for (Value operand : op->getOperands()) {
      Group *group = groupOf.lookup(operand.getDefiningOp());
      if (!group || group->ops.size() >= mostOps ||
          shapeOf(operand) != shapeOf(op->getResult(0)) ||
          !feedsOnly(*group, op))
        continue;
      if (!best ||
          (best->elementwise != group->elementwise &&
           group->elementwise == prefersRun) ||
          (best->elementwise == group->elementwise &&
           best->ops.back()->isBeforeInBlock(group->ops.back())))
        best = group;
    }
    if (best)
      return best;
    bool continuesRun = previous && previous->elementwise &&
                        previous->ops.size() < mostOps &&
                        shapeOf(previous->ops.back()->getResult(0)) ==
                            shapeOf(op->getResult(0)) &&
                        isUnusedBefore(*previous, op);
    return continuesRun ? previous : nullptr;
  }

  static bool feedsRows(Operation *op) {
    return llvm::any_of(op->getUsers(), [](Operation *user) {
      return isa<tern::RmsNormOp, tern::QuantizeOp>(user);
    });
  }

  /// The group that `op`, which is not elementwise, can join, or null.
  Group *findProducer(Operation *op) {
    if (!fuseRows)
      return nullptr;
    if (isa<tern::RmsNormOp, tern::QuantizeOp>(op))
      return findRows(op, op->getOperand(0));
    if (auto update = dyn_cast<tern::CacheUpdateOp>(op))
      return findSmall(op, update.getUpdate());
    return nullptr;
  }

  /// The group that computes `rows` row by row, or null. A norm is the first of
  /// its group's.
  Group *findRows(Operation *op, Value rows) {
    Group *group = groupOf.lookup(rows.getDefiningOp());
    if (!group || group->ops.size() >= mostOps || !isUnusedBefore(*group, op))
      return nullptr;
    bool mayNorm = isa<tern::QuantizeOp>(op);
    // What is computed again for the backward pass should be no more than that.
    bool isByRows = llvm::all_of(group->ops, [&](Operation *member) {
      return repeatable.contains(member) == repeatable.contains(op) &&
             !findTiedArgument(function, member->getResult(0)) &&
             (isElementwise(member) ||
              (mayNorm && isa<tern::RmsNormOp>(member)));
    });
    return isByRows ? group : nullptr;
  }

  /// The group that rotates what `value` is, by reshapes, for `op` alone, or
  /// null; also if that is worth sharing out. The reshapes join, too.
  Group *findSmall(Operation *op, Value value) {
    SmallVector<Operation *> reshapes;
    while (auto *reshape = value.getDefiningOp()) {
      if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(reshape))
        break;
      reshapes.push_back(reshape);
      value = reshape->getOperand(0);
    }
    Group *group = groupOf.lookup(value.getDefiningOp());
    if (!group || group->ops.size() != 1 ||
        !isa<tern::RopeOp>(group->ops.front()) || !value.hasOneUse() ||
        !isSmall(value) || !llvm::all_of(reshapes, [](Operation *reshape) {
          return reshape->hasOneUse();
        }))
      return nullptr;
    group->ops.append(reshapes.rbegin(), reshapes.rend());
    return group;
  }

  /// Whether nothing between `group` and `op` uses a value of the group, so
  /// that it can move down to `op`. Views can: they belong to no group.
  static bool isUnusedBefore(const Group &group, Operation *op) {
    return llvm::all_of(group.ops, [&](Operation *member) {
      return llvm::all_of(member->getUsers(), [&](Operation *user) {
        Operation *outer = op->getBlock()->findAncestorOpInBlock(*user);
        return group.contains(outer) || !outer->isBeforeInBlock(op);
      });
    });
  }

  /// Whether all values of `group` are used in it, by elementwise `op` or by
  /// one that reads `op`, too, so that it can move down to these.
  static bool feedsOnly(const Group &group, Operation *op) {
    auto follows = [&](Operation *user) {
      return isElementwise(user) &&
             llvm::is_contained(user->getOperands(), op->getResult(0)) &&
             shapeOf(user->getResult(0)) == shapeOf(op->getResult(0));
    };
    return llvm::all_of(group.ops, [&](Operation *member) {
      return llvm::all_of(member->getUsers(), [&](Operation *user) {
        return user == op || group.contains(user) || follows(user);
      });
    });
  }

  func::FuncOp function;
  bool fuseRows;
  llvm::DenseSet<Operation *> repeatable;
  std::vector<std::unique_ptr<Group>> groups;
  llvm::DenseMap<Operation *, Group *> groupOf;
  Group *previous = nullptr;
};

} // namespace

std::vector<Group> plan::formGroups(func::FuncOp function, bool fuseRows) {
  return Grouping(function, fuseRows).takeInOrder();
}
