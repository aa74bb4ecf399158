//===- RepeatElementwise.cpp - Elementwise values twice, not kept ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-repeat-elementwise. It runs before dispatches are
// formed, so that what is computed again becomes part of its users' kernels and
// never reaches memory.
//
//===----------------------------------------------------------------------===//

#include "Grouping.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_REPEATELEMENTWISEPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

using Values = llvm::SmallSetVector<Value, 4>;

int64_t bytesOfAll(const Values &values) {
  int64_t bytes = 0;
  for (Value value : values)
    bytes += bytesOf(value);
  return bytes;
}

class Repetition {
public:
  explicit Repetition(func::FuncOp function)
      : backward(getBackwardOps(function)) {
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto tied =
              function.getResultAttrOfType<IntegerAttr>(i, tern::tiedAttr))
        replaced.insert(function.getArgument(tied.getInt()));
    // What hangs together is decided on together.
    llvm::EquivalenceClasses<Operation *> classes;
    for (Operation &op : function.front()) {
      if (!isCandidate(&op))
        continue;
      classes.insert(&op);
      for (Value operand : op.getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && isCandidate(producer))
          classes.unionSets(&op, producer);
    }
    for (const auto *leader : classes)
      if (leader->isLeader())
        decide(llvm::to_vector(classes.members(*leader)));
  }

  /// Lets elementwise `op`, of the backward pass, read copies.
  void replaceOperands(Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      operand.set(copyOf(operand.get(), op));
  }

  bool isBackward(Operation *op) const { return backward.contains(op); }

  unsigned numCloned = 0;

private:
  /// State that is replaced may not be there any more when the backward pass
  /// runs.
  bool isCandidate(Operation *op) const {
    return !backward.contains(op) && isElementwise(op) && !isCloneable(op) &&
           llvm::none_of(op->getOperands(), [&](Value operand) {
             return replaced.contains(getViewed(operand).first);
           });
  }

  /// Repeats those of `ops` that elementwise ops of the backward pass read, if
  /// fewer bytes are kept then.
  void decide(ArrayRef<Operation *> ops) {
    int64_t saved = 0;
    SmallVector<Operation *> read;
    Values sources;
    for (Operation *op : ops)
      if (Value result = op->getResult(0);
          isKept(result) && !isReadWhole(result)) {
        saved += bytesOf(result);
        read.push_back(op);
        sources.insert_range(sourcesOf(result));
      }
    if (saved > bytesOfAll(sources))
      for (Operation *op : read)
        repeat(op, sources);
  }

  /// What is kept so that `value` can be computed: it, or less that it is made
  /// of.
  Values sourcesOf(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    Values sources;
    Operation *op = value.getDefiningOp();
    if (op && isCandidate(op) && !isReadWhole(value)) {
      for (Value operand : op->getOperands())
        sources.insert_range(sourcesOf(operand));
      if (bytesOfAll(sources) > bytesOf(value)) {
        sources.clear();
        sources.insert(value);
      }
    } else if (!isThere(getViewed(value).first)) {
      sources.insert(value);
    }
    return known[value] = std::move(sources);
  }

  /// Repeats `op` and what it is made of, up to `sources`.
  void repeat(Operation *op, const Values &sources) {
    if (!op || !isCandidate(op) || isReadWhole(op->getResult(0)) ||
        sources.contains(op->getResult(0)) || !repeated.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      repeat(operand.getDefiningOp(), sources);
  }

  /// Whether the backward pass can read `value`, which is not elementwise,
  /// anyway.
  bool isThere(Value value) const {
    Operation *op = value.getDefiningOp();
    return !op || isa<tern::GetParamOp>(op) || isCloneable(op) || isKept(value);
  }

  /// Whether the backward pass reads `value`.
  bool isKept(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      return backward.contains(user) ||
             (isView(user) && isKept(user->getResult(0)));
    });
  }

  /// Whether an op of the backward pass that is not elementwise reads `value`.
  bool isReadWhole(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      return (backward.contains(user) && !isElementwise(user)) ||
             (isView(user) && isKept(user->getResult(0)));
    });
  }

  /// A copy of `value` before `user`, or earlier; `value` itself where it has
  /// to be kept.
  Value copyOf(Value value, Operation *user) {
    Operation *op = value.getDefiningOp();
    if (!op || !repeated.contains(op))
      return value;
    if (Value copy = copies.lookup(value))
      return copy;
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, copyOf(operand, user));
    ++numCloned;
    return copies[value] = OpBuilder(user).clone(*op, mapping)->getResult(0);
  }

  llvm::DenseSet<Operation *> backward, repeated;
  llvm::DenseSet<Value> replaced;
  llvm::DenseMap<Value, Values> known;
  llvm::DenseMap<Value, Value> copies;
};

struct RepeatElementwise
    : sterna::plan::impl::RepeatElementwisePassBase<RepeatElementwise> {
  void runOnOperation() override {
    for (func::FuncOp function : getProgramFunctions(getOperation())) {
      Repetition repetition(function);
      for (Operation &op : llvm::make_early_inc_range(function.front()))
        if (repetition.isBackward(&op) && isElementwise(&op))
          repetition.replaceOperands(&op);
      numCloned += repetition.numCloned;
    }
  }
};

} // namespace
