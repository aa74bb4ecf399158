//===- FormDispatches.cpp - Group ops into dispatches ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-form-dispatches: first groups, then kernels. The
// greedy rules are simple on purpose: a group is a root with the elementwise
// ops that follow it alone, or a run of elementwise ops of one shape.
//
//===----------------------------------------------------------------------===//

#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_FORMDISPATCHESPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

bool isElementwise(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) &&
         op->getNumResults() == 1 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

/// Ops that cost next to nothing to repeat and are cloned into their users'
/// kernels: constants, broadcasts, and elementwise ops of nothing else.
bool isCloneable(Operation *op) {
  if (isa<arith::ConstantOp, tensor::EmptyOp, tensor::SplatOp, linalg::FillOp,
          linalg::BroadcastOp>(op))
    return true;
  return isElementwise(op) &&
         llvm::all_of(op->getOperands(), [](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && isCloneable(producer);
         });
}

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Ops of one kernel, at most: time to form and to emit one grows with their
/// square.
constexpr size_t mostOps = 64;

/// Ops that will run as one kernel, in program order.
struct Group {
  SmallVector<Operation *> ops;
  bool elementwise;

  bool contains(Operation *op) const { return llvm::is_contained(ops, op); }
};

/// Assigns the ops of a program function to groups.
class Grouping {
public:
  explicit Grouping(func::FuncOp function) {
    for (Operation &op : function.front())
      if (isCompute(&op))
        add(&op);
  }

  /// Groups in the order of their last ops, where they will stand.
  std::vector<Group *> inOrder() {
    std::vector<Group *> result;
    for (auto &group : groups)
      if (!group->ops.empty())
        result.push_back(group.get());
    llvm::stable_sort(result, [](Group *x, Group *y) {
      return x->ops.back()->isBeforeInBlock(y->ops.back());
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
    Group *group = elementwise ? findGroup(op) : nullptr;
    if (!group) {
      groups.push_back(std::make_unique<Group>());
      group = groups.back().get();
      group->elementwise = elementwise;
    }
    group->ops.push_back(op);
    groupOf[op] = group;
    previous = group;
  }

  /// The group that elementwise `op` can join, or null.
  Group *findGroup(Operation *op) {
    Group *best = nullptr;
    for (Value operand : op->getOperands()) {
      Group *group = groupOf.lookup(operand.getDefiningOp());
      if (!group || group->ops.size() >= mostOps ||
          shapeOf(operand) != shapeOf(op->getResult(0)) ||
          !feedsOnly(*group, op))
        continue;
      // A root is worth more than a run: its result never reaches memory.
      if (!best || (best->elementwise && !group->elementwise) ||
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

  /// Whether all values of `group` are used in it or by `op` alone, so that it
  /// can move down to `op`.
  static bool feedsOnly(const Group &group, Operation *op) {
    return llvm::all_of(group.ops, [&](Operation *member) {
      return llvm::all_of(member->getUsers(), [&](Operation *user) {
        return user == op || group.contains(user);
      });
    });
  }

  std::vector<std::unique_ptr<Group>> groups;
  llvm::DenseMap<Operation *, Group *> groupOf;
  Group *previous = nullptr;
};

/// Makes kernels, one for each distinct structure.
class KernelTable {
public:
  explicit KernelTable(ModuleOp module) : module(module) {}

  /// Takes `kernel`, not yet in a block; returns the one to call.
  KernelOp unique(KernelOp kernel, StringRef root) {
    llvm::hash_code hash = hashOf(kernel);
    for (KernelOp other : table[size_t(hash)])
      if (other.getTied() == kernel.getTied() &&
          OperationEquivalence::isRegionEquivalentTo(
              &other.getBody(), &kernel.getBody(),
              OperationEquivalence::IgnoreLocations)) {
        kernel.erase();
        return other;
      }
    table[size_t(hash)].push_back(kernel);
    kernel.setSymName((root + "_" + Twine(count++)).str());
    setOrigin(kernel);
    module.push_back(kernel);
    return kernel;
  }

  unsigned size() const { return count; }

private:
  static llvm::hash_code hashOf(KernelOp kernel) {
    llvm::hash_code hash(0);
    for (Operation &op : *kernel.getBodyBlock()) {
      hash = llvm::hash_combine(hash,
                                OperationEquivalence::computeHash(
                                    &op, OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::IgnoreLocations));
    }
    return hash;
  }

  ModuleOp module;
  std::map<size_t, SmallVector<KernelOp>> table;
  unsigned count = 0;
};

/// Turns one group into a dispatch.
class DispatchBuilder {
public:
  DispatchBuilder(const Group &group, func::FuncOp function)
      : group(group), function(function) {
    for (Operation *op : group.ops) {
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) {
              return !group.contains(user);
            }))
          outputs.push_back(result);
      op->walk([&](Operation *nested) {
        for (Value operand : nested->getOperands())
          collectInput(operand);
      });
    }
  }

  DispatchOp build(KernelTable &kernels) {
    OpBuilder builder(group.ops.back());
    Location loc = FusedLoc::get(function.getContext(), locations());
    KernelOp kernel = buildKernel(loc);
    Operation *root = group.ops.front();
    kernel = kernels.unique(kernel, root->getName().stripDialect());
    builder.setInsertionPointAfter(group.ops.back());
    auto dispatch = DispatchOp::create(
        builder, loc, TypeRange(outputs),
        FlatSymbolRefAttr::get(kernel.getSymNameAttr()), inputs.getArrayRef());
    for (auto [output, result] :
         llvm::zip_equal(outputs, dispatch.getOutputs()))
      output.replaceUsesWithIf(result, [&](OpOperand &use) {
        return !group.contains(use.getOwner()) &&
               !llvm::any_of(group.ops, [&](Operation *op) {
                 return op->isProperAncestor(use.getOwner());
               });
      });
    for (Operation *op : llvm::reverse(group.ops))
      op->erase();
    return dispatch;
  }

private:
  /// Adds `value` to the inputs, or its operands when it is cloned instead.
  void collectInput(Value value) {
    Operation *op = value.getDefiningOp();
    if (op && (group.contains(op) || isInside(op)))
      return;
    if (!op && isInside(value.getParentBlock()->getParentOp()))
      return;
    if (op && isCloneable(op)) {
      for (Value operand : op->getOperands())
        collectInput(operand);
      return;
    }
    inputs.insert(value);
  }

  /// Whether `op` is nested in, or is, an op of the group.
  bool isInside(Operation *op) {
    return llvm::any_of(
        group.ops, [&](Operation *member) { return member->isAncestor(op); });
  }

  SmallVector<Location> locations() {
    SmallVector<Location> result;
    for (Operation *op : group.ops)
      result.push_back(op->getLoc());
    return result;
  }

  KernelOp buildKernel(Location loc) {
    OpBuilder builder(function.getContext());
    OperationState state(loc, KernelOp::getOperationName());
    KernelOp::build(builder, state, "", tiedArguments());
    auto kernel = cast<KernelOp>(Operation::create(state));
    Block &body = kernel.getBody().emplaceBlock();
    builder.setInsertionPointToEnd(&body);
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body.addArgument(input.getType(), loc));
    for (Operation *op : group.ops)
      cloneWithOperands(op, builder, mapping);
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(mapping.lookup(output));
    YieldOp::create(builder, loc, yielded);
    return kernel;
  }

  void cloneWithOperands(Operation *op, OpBuilder &builder,
                         IRMapping &mapping) {
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (producer && !mapping.contains(operand) && isCloneable(producer) &&
            !isInside(producer))
          cloneWithOperands(producer, builder, mapping);
      }
    });
    builder.clone(*op, mapping);
  }

  /// For each output the input that it replaces in place, or -1.
  SmallVector<int64_t> tiedArguments() {
    SmallVector<int64_t> tied;
    for (Value output : outputs) {
      int64_t number = -1;
      if (auto argument = findTiedArgument(function, output)) {
        // It may be seen in another shape, as the output then is.
        const auto *it = llvm::find_if(inputs, [&](Value input) {
          return getViewed(input) ==
                     std::make_pair(Value(*argument), int64_t(0)) &&
                 input.getType() == output.getType();
        });
        if (it != inputs.end())
          number = it - inputs.begin();
      }
      tied.push_back(number);
    }
    return tied;
  }

  const Group &group;
  func::FuncOp function;
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
};

/// Gives each result of `function` a value of its own, which a dispatch
/// computes: one that is an argument, a parameter, part of something, or a
/// result already is copied.
void copyResults(func::FuncOp function) {
  Operation *terminator = function.front().getTerminator();
  OpBuilder b(terminator);
  llvm::DenseSet<Value> seen;
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    auto type = cast<RankedTensorType>(value.getType());
    auto [viewed, offset] = getViewed(value);
    Operation *producer = viewed.getDefiningOp();
    bool isComputed =
        producer && !isa<tern::GetParamOp>(producer) && offset == 0 &&
        cast<RankedTensorType>(viewed.getType()).getNumElements() ==
            type.getNumElements();
    if (seen.insert(viewed).second && isComputed)
      continue;
    Location loc = value.getLoc();
    Value empty =
        tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
    auto copy = linalg::CopyOp::create(b, loc, value, empty);
    operand.set(copy.getResult(0));
  }
}

struct FormDispatches
    : sterna::plan::impl::FormDispatchesPassBase<FormDispatches> {
  void runOnOperation() override {
    KernelTable kernels(getOperation());
    for (func::FuncOp function : getProgramFunctions(getOperation())) {
      copyResults(function);
      Grouping grouping(function);
      for (Group *group : grouping.inOrder()) {
        DispatchBuilder(*group, function).build(kernels);
        ++numDispatches;
      }
      eraseDeadOps(function);
    }
    numKernels += kernels.size();
  }

  /// Cloned constants have no use left.
  static void eraseDeadOps(func::FuncOp function) {
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};

} // namespace
