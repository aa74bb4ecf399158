//===- ReverseMode.cpp - Reverse-mode differentiation ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The engine: activity analysis, then one walk from the output backwards. It
// knows no op, only `DifferentiableOpInterface`, and for a composite op without
// a rule `DecomposableOpInterface`. Activity follows values of every type, and
// memory: what lies on the way from a wanted value to the scalar has a rule, or
// is an error. It stops where an op only selects (`isSelector`).
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Differentiate.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "sterna/Interfaces/DecomposableOpInterface.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;
using namespace sterna;

namespace {

/// Gives each new op the location of the op that is being differentiated.
struct GradientLocations : OpBuilder::Listener {
  explicit GradientLocations(OpBuilder::Listener *next) : next(next) {}

  void setPrimal(Location primal) {
    location =
        NameLoc::get(StringAttr::get(primal.getContext(), "grad"), primal);
  }
  void notifyOperationInserted(Operation *op,
                               OpBuilder::InsertPoint previous) override {
    op->walk([&](Operation *nested) { nested->setLoc(*location); });
    if (next)
      next->notifyOperationInserted(op, previous);
  }
  void notifyBlockInserted(Block *block, Region *previous,
                           Region::iterator previousIt) override {
    if (next)
      next->notifyBlockInserted(block, previous, previousIt);
  }

  OpBuilder::Listener *next;
  std::optional<Location> location;
};

bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

/// Values that `op` reads from outside of it by its regions.
llvm::SetVector<Value> capturedValues(Operation *op) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  return captured;
}

bool isSelector(OpOperand &operand) {
  auto rule = dyn_cast<DifferentiableOpInterface>(operand.getOwner());
  return rule && rule.isSelector(operand.getOperandNumber());
}

/// Values that the results of `op` depend on, those of its regions included,
/// selectors excluded.
SmallVector<Value> dependencies(Operation *op) {
  SmallVector<Value> values;
  for (OpOperand &operand : op->getOpOperands())
    if (!isSelector(operand))
      values.push_back(operand.get());
  llvm::append_range(values, capturedValues(op));
  return values;
}

/// Whether `op`, its regions included, may have effect `Effect` on memory.
template <typename Effect> bool mayHave(Operation *op) {
  auto effects = getEffectsRecursively(op);
  return !effects ||
         llvm::any_of(*effects, [](const MemoryEffects::EffectInstance &e) {
           return isa<Effect>(e.getEffect());
         });
}

/// What depends on some values, followed op by op.
class Activity {
public:
  void add(Value value) { values.insert(value); }
  bool contains(Value value) const { return values.contains(value); }

  /// Adds the results of `op`, whatever their type, if it depends on a value so
  /// far, and returns whether it does. Memory is one value: what is written to
  /// it may be read anywhere.
  bool visit(Operation *op) {
    bool depends =
        llvm::any_of(dependencies(op), [&](Value x) { return contains(x); }) ||
        (memory && mayHave<MemoryEffects::Read>(op));
    if (!depends)
      return false;
    values.insert_range(op->getResults());
    memory |= mayHave<MemoryEffects::Write>(op);
    return true;
  }

private:
  DenseSet<Value> values;
  bool memory = false;
};

class ReverseMode {
public:
  /// `composite` is the op whose decomposition is differentiated, if any.
  ReverseMode(OpBuilder &builder, ValueRange wanted,
              Operation *composite = nullptr)
      : listener(builder.getListener()), builder(builder), wanted(wanted),
        composite(composite) {
    this->builder.setListener(&listener);
    for (Value value : wanted)
      varied.add(value);
  }

  /// Gradients of `outputs` times `seeds`; the ops on the way are in `ops`.
  FailureOr<SmallVector<Value>> run(llvm::iterator_range<Block::iterator> ops,
                                    ValueRange outputs, ValueRange seeds) {
    Location loc = outputs.front().getLoc();
    listener.setPrimal(loc);
    for (auto [output, seed] : llvm::zip_equal(outputs, seeds))
      accumulate(output, seed);
    SmallVector<Operation *> active = findActive(ops, outputs);
    for (Operation *op : llvm::reverse(active))
      if (failed(differentiate(op)))
        return failure();
    listener.setPrimal(loc);
    SmallVector<Value> gradients;
    for (Value value : wanted) {
      Value gradient = cotangents.lookup(value);
      if (!gradient && !isStatic(value))
        return emitError(value.getLoc(), "expected static shapes to "
                                         "differentiate, but got ")
               << value.getType();
      gradients.push_back(gradient ? gradient
                                   : build().constant(value.getType(), 0));
    }
    return gradients;
  }

private:
  static bool isStatic(Value value) {
    auto type = dyn_cast<ShapedType>(value.getType());
    return !type || type.hasStaticShape();
  }

  TensorBuilder build() { return {builder, *listener.location}; }

  /// Of `ops`, those on a way from a wanted value to the outputs, in order.
  SmallVector<Operation *> findActive(llvm::iterator_range<Block::iterator> ops,
                                      ValueRange outputs) {
    SmallVector<Operation *> reached, active;
    for (Operation &op : ops)
      if (varied.visit(&op))
        reached.push_back(&op);
    DenseSet<Value> useful(outputs.begin(), outputs.end());
    for (Operation *op : llvm::reverse(reached)) {
      if (llvm::none_of(op->getResults(),
                        [&](Value x) { return useful.contains(x); }))
        continue;
      active.push_back(op);
      useful.insert_range(dependencies(op));
    }
    std::reverse(active.begin(), active.end());
    return active;
  }

  LogicalResult differentiate(Operation *op) {
    SmallVector<Value> results;
    for (Value result : op->getResults())
      results.push_back(cotangents.lookup(result));
    // A rule may have found a zero where activity sees a way.
    if (llvm::none_of(results, [](Value value) { return bool(value); }))
      return success();
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    if (!rule && !isa<DecomposableOpInterface>(op))
      return noRule(op) << "has no differentiation rule";
    if (failed(checkOp(op)))
      return failure();
    listener.setPrimal(op->getLoc());
    if (!rule)
      return differentiateDecomposition(op);
    SmallVector<bool> isWanted;
    for (OpOperand &operand : op->getOpOperands())
      isWanted.push_back(varied.contains(operand.get()) &&
                         isFloat(operand.get()) && !isSelector(operand));
    SmallVector<Value> inputs(op->getOperands());
    for (Value captured : capturedValues(op)) {
      inputs.push_back(captured);
      isWanted.push_back(varied.contains(captured));
    }

    auto built = rule.buildCotangents(builder, results, isWanted);
    if (failed(built))
      return failure();
    if (llvm::is_contained(ArrayRef(isWanted).drop_front(built->size()), true))
      return noRule(op) << "has a differentiated value in its region, for "
                           "which there is no rule";
    built->resize(inputs.size());
    for (auto [input, cotangent] : llvm::zip_equal(inputs, *built))
      if (cotangent && varied.contains(input))
        accumulate(input, cotangent);
    return success();
  }

  /// Differentiates what a composite op without a rule means.
  LogicalResult differentiateDecomposition(Operation *op) {
    SmallVector<Value> outputs, seeds, inputs;
    Block *block = builder.getInsertionBlock();
    Block::iterator end = builder.getInsertionPoint();
    bool isFirst = end == block->begin();
    Block::iterator before = isFirst ? end : std::prev(end);
    auto composite = cast<DecomposableOpInterface>(op);
    SmallVector<Value> parts = composite.decompose(builder);
    for (auto [result, part] : llvm::zip_equal(op->getResults(), parts))
      if (Value cotangent = cotangents.lookup(result)) {
        outputs.push_back(part);
        seeds.push_back(cotangent);
      }
    for (Value operand : op->getOperands())
      if (varied.contains(operand) && isFloat(operand) &&
          !llvm::is_contained(inputs, operand))
        inputs.push_back(operand);
    auto gradients =
        ReverseMode(builder, inputs, op)
            .run({isFirst ? block->begin() : std::next(before), end}, outputs,
                 seeds);
    if (failed(gradients))
      return failure();
    for (auto [input, gradient] : llvm::zip_equal(inputs, *gradients))
      accumulate(input, gradient);
    return success();
  }

  /// Fails with an error where a value that a wanted one reaches is none that
  /// the rule of `op` can give a cotangent.
  LogicalResult checkOp(Operation *op) {
    for (Value value : capturedValues(op))
      if (varied.contains(value) && !isFloat(value))
        return noRule(op) << "depends on a differentiated value of type "
                          << value.getType()
                          << " in its region, through which no gradient passes";
    for (OpOperand &operand : op->getOpOperands())
      if (varied.contains(operand.get()) && !isFloat(operand.get()) &&
          !isSelector(operand))
        return noRule(op) << "depends on a differentiated value by operand #"
                          << operand.getOperandNumber() << " of type "
                          << operand.get().getType()
                          << ", through which no gradient passes";
    for (Value value : llvm::concat<Value>(llvm::to_vector(op->getOperands()),
                                           llvm::to_vector(op->getResults())))
      if (varied.contains(value) && !isStatic(value))
        return op->emitOpError("cannot be differentiated: expected static "
                               "shapes, but got ")
               << value.getType();
    return success();
  }

  InFlightDiagnostic noRule(Operation *op) {
    InFlightDiagnostic error = op->emitOpError();
    if (composite)
      error.attachNote(composite->getLoc())
          << "in the decomposition of '" << composite->getName()
          << "', which has no rule of its own";
    if (auto function = op->getParentOfType<FunctionOpInterface>())
      error.attachNote(function.getLoc())
          << "while differentiating '" << function.getName() << "'";
    return error;
  }

  void accumulate(Value value, Value cotangent) {
    assert(value.getType() == cotangent.getType() &&
           "cotangent has the type of its value");
    Value &sum = cotangents[value];
    sum = sum ? build().addWide(sum, cotangent) : cotangent;
  }

  GradientLocations listener;
  OpBuilder builder;
  ValueRange wanted;
  Operation *composite;
  Activity varied;
  DenseMap<Value, Value> cotangents;
};

} // namespace

FailureOr<SmallVector<Value>> sterna::buildGradients(OpBuilder &builder,
                                                     Value output, Value seed,
                                                     ValueRange wanted) {
  // Nothing after the output has a part in it, nor what another block computes.
  Block *block = builder.getInsertionBlock();
  Operation *last = output.getDefiningOp();
  bool computed = last && last->getBlock() == block;
  Block::iterator end =
      computed ? std::next(Block::iterator(last)) : block->begin();
  return ReverseMode(builder, wanted).run({block->begin(), end}, output, seed);
}

bool sterna::dependsOn(Block &block, Value output, Value input) {
  Activity activity;
  activity.add(input);
  for (Operation &op : block)
    activity.visit(&op);
  return activity.contains(output);
}
