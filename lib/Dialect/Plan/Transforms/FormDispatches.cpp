//===- FormDispatches.cpp - Make dispatches of groups ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-form-dispatches: groups and stacks of them
// (Grouping.h) become dispatches of kernels, one for each distinct structure.
//
//===----------------------------------------------------------------------===//

#include "Grouping.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_FORMDISPATCHESPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

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

/// Turns a stack of groups into a dispatch.
class DispatchBuilder {
public:
  DispatchBuilder(const Stack &stack, func::FuncOp function)
      : stack(stack), function(function) {
    for (const Group *group : stack)
      llvm::append_range(ops, group->ops);
    inputs = getInputs(ops);
    outputs = getOutputs(ops);
  }

  DispatchOp build(KernelTable &kernels) {
    Location loc = FusedLoc::get(function.getContext(), locations());
    KernelOp kernel = kernels.unique(buildKernel(loc), getRootName());
    OpBuilder builder(function.getContext());
    builder.setInsertionPointAfter(stack.front()->ops.back());
    auto dispatch = DispatchOp::create(
        builder, loc, TypeRange(outputs),
        FlatSymbolRefAttr::get(kernel.getSymNameAttr()), inputs.getArrayRef());
    for (auto [output, result] :
         llvm::zip_equal(outputs, dispatch.getOutputs()))
      output.replaceUsesWithIf(result, [&](OpOperand &use) {
        return !isInside(use.getOwner(), ops);
      });
    for (Value input : inputs)
      moveBefore(input, dispatch);
    for (Operation *op : llvm::reverse(ops))
      op->erase();
    return dispatch;
  }

private:
  /// Moves a view that stands behind `op` before it.
  static void moveBefore(Value view, Operation *op) {
    Operation *producer = view.getDefiningOp();
    if (!producer || producer->isBeforeInBlock(op))
      return;
    producer->moveBefore(op);
    for (Value operand : producer->getOperands())
      moveBefore(operand, producer);
  }

  /// The name of the first op that is more than elementwise, if one is.
  StringRef getRootName() {
    const auto *root = llvm::find_if(
        ops, [](Operation *op) { return !isElementwise(op) && !isView(op); });
    return (root == ops.end() ? ops.front() : *root)->getName().stripDialect();
  }

  SmallVector<Location> locations() {
    SmallVector<Location> result;
    for (Operation *op : ops)
      result.push_back(op->getLoc());
    return result;
  }

  /// The kernel, with constants of its own for each group: these are its parts.
  KernelOp buildKernel(Location loc) {
    OpBuilder builder(function.getContext());
    OperationState state(loc, KernelOp::getOperationName());
    KernelOp::build(builder, state, "", tiedArguments());
    auto kernel = cast<KernelOp>(Operation::create(state));
    Block &body = kernel.getBody().emplaceBlock();
    builder.setInsertionPointToEnd(&body);
    IRMapping arguments;
    for (Value input : inputs)
      arguments.map(input, body.addArgument(input.getType(), loc));
    SmallVector<Value> yielded;
    for (const Group *group : stack) {
      IRMapping mapping = arguments;
      for (Operation *op : group->ops)
        cloneWithOperands(op, builder, mapping);
      for (Value output : outputs)
        if (group->contains(output.getDefiningOp()))
          yielded.push_back(mapping.lookup(output));
    }
    YieldOp::create(builder, loc, yielded);
    return kernel;
  }

  void cloneWithOperands(Operation *op, OpBuilder &builder,
                         IRMapping &mapping) {
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (producer && !mapping.contains(operand) && isCloneable(producer) &&
            !isInside(producer, ops))
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

  const Stack &stack;
  func::FuncOp function;
  SmallVector<Operation *> ops;
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
  using FormDispatchesPassBase::FormDispatchesPassBase;

  void runOnOperation() override {
    KernelTable kernels(getOperation());
    for (func::FuncOp function : getProgramFunctions(getOperation())) {
      copyResults(function);
      std::vector<Group> groups = formGroups(function, fuseRows);
      for (const Stack &stack : stackGroups(function, groups, stackParts)) {
        DispatchBuilder(stack, function).build(kernels);
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
