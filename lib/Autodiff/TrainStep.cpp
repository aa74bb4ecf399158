//===- TrainStep.cpp - A step that keeps no gradients ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds `@train_step`: each trainable is updated right after its gradient, so
// that no gradient outlives the block it is of. The norm of a whole step is known
// too late to clip by.
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;
using namespace sterna;

namespace {

/// Sets the insertion point behind `fresh` and behind the last op that reads
/// `old`: the earliest place to replace `old`.
void setEarliestUpdate(OpBuilder &b, Value old, Value fresh) {
  b.setInsertionPointAfterValue(fresh);
  for (Operation *user : old.getUsers()) {
    Operation *op = b.getInsertionBlock()->findAncestorOpInBlock(*user);
    if (b.getInsertionPoint() != b.getInsertionBlock()->end() &&
        !op->isBeforeInBlock(&*b.getInsertionPoint()))
      b.setInsertionPointAfter(op);
  }
}

} // namespace

LogicalResult sterna::buildTrainStep(func::FuncOp function,
                                     ArrayRef<Trainable> trainables,
                                     const OptimizerOptions &options) {
  Value loss = function.front().getTerminator()->getOperand(0);
  FailureOr<SmallVector<Value>> gradients = addGradients(function, trainables);
  if (failed(gradients))
    return failure();
  Value lossScale = function.getArguments().back();
  // Infinite where nothing is to be updated.
  Value hold = addScalarInput(function, "hold");
  OptimizerUpdate optimizer(function, options);
  Location loc = optimizer.getLoc();
  OpBuilder b(function);
  b.setInsertionPointToStart(&function.front());
  optimizer.prepare({b, loc}, /*norm=*/Value());
  b.setInsertionPoint(function.front().getTerminator());
  ProgramResults results;
  results.addOutput("loss",
                    TensorBuilder{b, loss.getLoc()}.mul(loss, lossScale));
  SmallVector<Value> sums;
  for (auto [trainable, gradient] : llvm::zip_equal(trainables, *gradients)) {
    Value parameter = function.getArgument(trainable.argument);
    SmallVector<Value> state = optimizer.addState(
        function, trainable.type,
        [&, trainable = trainable](tern::StateKind kind, StringRef suffix) {
          return singleAttr(tern::stateAttr,
                            companionState(trainable, kind, suffix));
        });
    setEarliestUpdate(b, parameter, gradient);
    TensorBuilder build{b, loc};
    sums.push_back(sumOfSquares(
        build, gradient, trainable.type.getNumElements()));
    optimizer.update(build, parameter, state, gradient,
                     {loss, hold, sums.back()}, results);
  }
  b.setInsertionPoint(function.front().getTerminator());
  TensorBuilder build{b, loc};
  Value total = sums.front();
  for (Value sum : ArrayRef(sums).drop_front())
    total = build.add(total, sum);
  results.addOutput("grad_norm", build.sqrt(total));
  results.finish(function);
  return success();
}
