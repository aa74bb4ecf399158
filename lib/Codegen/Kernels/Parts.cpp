//===- Parts.cpp - Independent parts of a kernel --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Parts.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Parts.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

/// Whether `op`, of a kernel's body, is cloned into each part that reads it.
static bool isShared(Operation *op) {
  return op->getNumOperands() == 0 && op->getNumRegions() == 0;
}

/// Calls `body` with what `op` and the ops in its regions read of outside.
static void forEachRead(Operation *op, llvm::function_ref<void(Value)> body) {
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (operand.getParentRegion() == op->getParentRegion())
        body(operand);
  });
}

/// The ops of each part, in order. What replaces an argument in place belongs
/// together with what reads it.
static llvm::MapVector<Operation *, SmallVector<Operation *>>
findParts(plan::KernelOp kernel) {
  Block &body = *kernel.getBodyBlock();
  llvm::EquivalenceClasses<Operation *> classes;
  for (Operation &op : body.without_terminator()) {
    if (isShared(&op))
      continue;
    classes.insert(&op);
    forEachRead(&op, [&](Value value) {
      Operation *producer = value.getDefiningOp();
      if (producer && !isShared(producer))
        classes.unionSets(&op, producer);
    });
  }
  for (auto [value, argument] :
       llvm::zip_equal(kernel.getYielded(), kernel.getTied())) {
    if (argument < 0 || !value.getDefiningOp())
      continue;
    for (Operation *user : body.getArgument(argument).getUsers())
      if (Operation *op = body.findAncestorOpInBlock(*user);
          !op->hasTrait<OpTrait::IsTerminator>())
        classes.unionSets(value.getDefiningOp(), op);
  }
  llvm::MapVector<Operation *, SmallVector<Operation *>> parts;
  for (Operation &op : body.without_terminator())
    if (!isShared(&op))
      parts[classes.getLeaderValue(&op)].push_back(&op);
  return parts;
}

namespace {

/// Makes the kernel of one part.
class PartBuilder {
public:
  PartBuilder(plan::KernelOp whole, ArrayRef<Operation *> ops)
      : whole(whole), ops(ops) {}

  Part build() {
    collectArguments();
    OpBuilder builder(whole.getContext());
    Part part;
    part.buffers.assign(arguments.begin(), arguments.end());
    SmallVector<Value> yielded;
    SmallVector<int64_t> tied = collectResults(yielded, part.buffers);
    OperationState state(whole.getLoc(), plan::KernelOp::getOperationName());
    plan::KernelOp::build(builder, state, whole.getSymName(), tied);
    part.kernel = cast<plan::KernelOp>(Operation::create(state));
    Block &body = part.kernel->getBody().emplaceBlock();
    builder.setInsertionPointToEnd(&body);
    IRMapping mapping;
    for (unsigned number : arguments) {
      BlockArgument argument = whole.getBodyBlock()->getArgument(number);
      mapping.map(argument,
                  body.addArgument(argument.getType(), argument.getLoc()));
    }
    for (Operation *op : ops)
      clone(op, builder, mapping);
    for (Value &value : yielded)
      value = mapping.lookup(value);
    plan::YieldOp::create(builder, whole.getLoc(), yielded);
    return part;
  }

private:
  bool isMine(Value result) const {
    return llvm::is_contained(ops, result.getDefiningOp());
  }

  void collectArguments() {
    for (Operation *op : ops)
      forEachRead(op, [&](Value value) {
        if (auto argument = dyn_cast<BlockArgument>(value))
          arguments.insert(argument.getArgNumber());
      });
    for (auto [value, argument] :
         llvm::zip_equal(whole.getYielded(), whole.getTied()))
      if (argument >= 0 && isMine(value))
        arguments.insert(argument);
  }

  /// Fills in the part's results and their buffers; returns what they are tied
  /// to.
  SmallVector<int64_t> collectResults(SmallVector<Value> &yielded,
                                      SmallVector<unsigned> &buffers) {
    SmallVector<int64_t> tied;
    unsigned next = whole.getBodyBlock()->getNumArguments();
    for (auto [value, argument] :
         llvm::zip_equal(whole.getYielded(), whole.getTied())) {
      unsigned buffer = argument >= 0 ? unsigned(argument) : next++;
      if (!isMine(value))
        continue;
      yielded.push_back(value);
      if (argument < 0)
        buffers.push_back(buffer);
      tied.push_back(argument < 0
                         ? -1
                         : llvm::find(arguments, buffer) - arguments.begin());
    }
    return tied;
  }

  static void clone(Operation *op, OpBuilder &builder, IRMapping &mapping) {
    forEachRead(op, [&](Value value) {
      Operation *producer = value.getDefiningOp();
      if (producer && isShared(producer) && !mapping.contains(value))
        builder.clone(*producer, mapping);
    });
    builder.clone(*op, mapping);
  }

  plan::KernelOp whole;
  ArrayRef<Operation *> ops;
  llvm::SetVector<unsigned> arguments;
};

} // namespace

std::vector<Part> sterna::kernels::splitParts(plan::KernelOp kernel) {
  auto found = findParts(kernel);
  bool isWhole = llvm::any_of(kernel.getYielded(), [](Value result) {
    return !result.getDefiningOp() || isShared(result.getDefiningOp());
  });
  std::vector<Part> parts;
  if (found.size() > 1 && !isWhole)
    for (auto &[leader, ops] : found)
      parts.push_back(PartBuilder(kernel, ops).build());
  return parts;
}
