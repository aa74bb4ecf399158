//===- ReverseMode.cpp - Reverse-mode differentiation ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The engine: activity analysis, then one walk from the scalar backwards. It
// knows no op, only `DifferentiableOpInterface`.
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Differentiate.h"

#include "TensorBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"

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

/// Values that `op` reads, those of its regions included.
SmallVector<Value> readValues(Operation *op) {
  SmallVector<Value> values(op->getOperands());
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  values.append(captured.begin(), captured.end());
  return values;
}

class ReverseMode {
public:
  ReverseMode(OpBuilder &builder, Value scalar, Value seed,
              ArrayRef<Value> wanted)
      : listener(builder.getListener()), builder(builder), scalar(scalar),
        wanted(wanted) {
    listener.setPrimal(scalar.getLoc());
    this->builder.setListener(&listener);
    cotangents[scalar] = seed;
  }

  FailureOr<SmallVector<Value>> run() {
    findActive();
    for (Operation *op : llvm::reverse(active))
      if (failed(differentiate(op)))
        return failure();
    listener.setPrimal(scalar.getLoc());
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

  /// Collects, in order, the ops on a way from a wanted value to the scalar.
  void findActive() {
    for (Value value : wanted)
      varied.insert(value);
    Operation *last = scalar.getDefiningOp();
    if (!last)
      return;
    SmallVector<Operation *> reached;
    for (Operation &op : *last->getBlock()) {
      if (llvm::any_of(readValues(&op),
                       [&](Value x) { return varied.contains(x); })) {
        bool any = false;
        for (Value result : op.getResults())
          if (isFloat(result))
            any |= varied.insert(result).second;
        if (any)
          reached.push_back(&op);
      }
      if (&op == last)
        break;
    }
    DenseSet<Value> useful{scalar};
    for (Operation *op : llvm::reverse(reached)) {
      if (llvm::none_of(op->getResults(),
                        [&](Value x) { return useful.contains(x); }))
        continue;
      active.push_back(op);
      for (Value value : readValues(op))
        useful.insert(value);
    }
    std::reverse(active.begin(), active.end());
  }

  LogicalResult differentiate(Operation *op) {
    SmallVector<Value> results;
    for (Value result : op->getResults())
      results.push_back(cotangents.lookup(result));
    // A rule may have found a zero where activity sees a way.
    if (llvm::none_of(results, [](Value value) { return bool(value); }))
      return success();
    SmallVector<bool> isWanted;
    for (Value operand : op->getOperands())
      isWanted.push_back(varied.contains(operand));
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    if (!rule || failed(checkOp(op)))
      return rule ? failure() : noRule(op, "has no differentiation rule");

    listener.setPrimal(op->getLoc());
    auto built = rule.buildCotangents(builder, results, isWanted);
    if (failed(built))
      return failure();
    for (auto [operand, cotangent] : llvm::zip_equal(op->getOperands(), *built))
      if (cotangent)
        accumulate(operand, cotangent);
    return success();
  }

  LogicalResult checkOp(Operation *op) {
    for (Value value : readValues(op))
      if (varied.contains(value) &&
          !llvm::is_contained(op->getOperands(), value))
        return noRule(op, "has a differentiated value in its region, for which "
                          "there is no rule");
    for (Value value : llvm::concat<Value>(llvm::to_vector(op->getOperands()),
                                           llvm::to_vector(op->getResults())))
      if (varied.contains(value) && !isStatic(value))
        return op->emitOpError("cannot be differentiated: expected static "
                               "shapes, but got ")
               << value.getType();
    return success();
  }

  LogicalResult noRule(Operation *op, StringRef message) {
    InFlightDiagnostic error = op->emitOpError(message);
    if (auto function = op->getParentOfType<FunctionOpInterface>())
      error.attachNote(function.getLoc())
          << "while differentiating '" << function.getName() << "'";
    return error;
  }

  void accumulate(Value value, Value cotangent) {
    if (!varied.contains(value))
      return;
    assert(value.getType() == cotangent.getType() &&
           "cotangent has the type of its value");
    Value &sum = cotangents[value];
    sum = sum ? build().add(sum, cotangent) : cotangent;
  }

  GradientLocations listener;
  OpBuilder builder;
  Value scalar;
  ArrayRef<Value> wanted;
  DenseSet<Value> varied;
  SmallVector<Operation *> active;
  DenseMap<Value, Value> cotangents;
};

} // namespace

FailureOr<SmallVector<Value>> sterna::buildGradients(OpBuilder &builder,
                                                     Value scalar, Value seed,
                                                     ArrayRef<Value> wanted) {
  return ReverseMode(builder, scalar, seed, wanted).run();
}
