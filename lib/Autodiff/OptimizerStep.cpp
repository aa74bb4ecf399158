//===- OptimizerStep.cpp - Clipping and AdamW -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds `@train_apply`. Every value that is equal for all elements of a matrix
// is computed once as a scalar, then broadcast. The elementwise ops of a matrix
// follow one another, so that they become one dispatch.
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"
#include "TrainingStep.h"

using namespace mlir;
using namespace sterna;

namespace {

constexpr double beta1 = 0.9, beta2 = 0.999, adamEpsilon = 1e-8;
/// Keeps the division by the norm finite, as `clip_grad_norm_` in PyTorch.
constexpr double clipEpsilon = 1e-6;

/// Scalar arguments in the order of the program's inputs.
enum Input {
  learningRate,
  weightDecay,
  maxGradNorm,
  biasCorrection1,
  biasCorrection2,
  numInputs
};
constexpr StringLiteral inputNames[numInputs] = {
    "learning_rate", "weight_decay", "max_grad_norm", "bias_correction1",
    "bias_correction2"};

/// State arguments of one matrix, in order.
enum State { parameter, gradient, moment1, moment2, numStates };

/// Scalars of the update, the same for all matrices.
struct StepScalars {
  Value clip;     ///< Factor of every gradient.
  Value decay;    ///< Factor of every parameter: 1 - rate * decay.
  Value stepSize; ///< rate / bias correction 1.
  Value root;     ///< sqrt(bias correction 2).
};

/// Euclidean norm of all gradients together.
Value globalNorm(const TensorBuilder &build, ValueRange gradients) {
  Value total;
  for (Value gradient : gradients) {
    Value square = build.sumAll(build.mul(gradient, gradient));
    total = total ? build.add(total, square) : square;
  }
  return build.sqrt(total);
}

StepScalars stepScalars(const TensorBuilder &build, ValueRange inputs,
                        Value norm) {
  Type type = norm.getType();
  Value zero = build.constant(type, 0), one = build.constant(type, 1);
  Value limit = inputs[maxGradNorm];
  Value ratio =
      build.div(limit, build.add(norm, build.constant(type, clipEpsilon)));
  Value clipped = arith::MinNumFOp::create(build.b, build.loc, ratio, one);
  Value isOff = build.compare(arith::CmpFPredicate::OEQ, limit, zero);
  return {build.select(isOff, one, clipped),
          build.sub(one, build.mul(inputs[learningRate], inputs[weightDecay])),
          build.div(inputs[learningRate], inputs[biasCorrection1]),
          build.sqrt(inputs[biasCorrection2])};
}

/// New parameter and moments of one matrix.
SmallVector<Value> updateMatrix(const TensorBuilder &build,
                                const StepScalars &scalars, ValueRange state) {
  auto type = cast<RankedTensorType>(state[parameter].getType());
  Value clip = build.splat(scalars.clip, type);
  Value decay = build.splat(scalars.decay, type);
  Value stepSize = build.splat(scalars.stepSize, type);
  Value root = build.splat(scalars.root, type);
  Value keep1 = build.constant(type, beta1);
  Value keep2 = build.constant(type, beta2);
  Value take1 = build.constant(type, 1 - beta1);
  Value take2 = build.constant(type, 1 - beta2);
  Value epsilon = build.constant(type, adamEpsilon);

  Value g = build.mul(state[gradient], clip);
  Value m = build.add(build.mul(keep1, state[moment1]), build.mul(take1, g));
  Value square = build.mul(g, g);
  Value v =
      build.add(build.mul(keep2, state[moment2]), build.mul(take2, square));
  Value denominator = build.add(build.div(build.sqrt(v), root), epsilon);
  Value step = build.mul(stepSize, build.div(m, denominator));
  Value p = build.sub(build.mul(state[parameter], decay), step);
  return {p, m, v};
}

/// The function with its arguments and results described, without a body.
func::FuncOp declareTrainApply(ModuleOp module, Location loc,
                               ArrayRef<Trainable> trainables) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  auto scalar = RankedTensorType::get({}, b.getF32Type());
  SmallVector<Type> arguments(numInputs, scalar), results{scalar};
  SmallVector<DictionaryAttr> argumentAttrs;
  SmallVector<DictionaryAttr> resultAttrs{
      singleAttr(outputAttr, b.getStringAttr("grad_norm"))};
  for (StringRef name : inputNames)
    argumentAttrs.push_back(singleAttr(inputAttr, b.getStringAttr(name)));
  for (const Trainable &trainable : trainables) {
    for (State tied : {parameter, moment1, moment2}) {
      results.push_back(trainable.type);
      resultAttrs.push_back(
          singleAttr(tiedAttr, b.getI64IntegerAttr(arguments.size() + tied)));
    }
    arguments.append(numStates, trainable.type);
    argumentAttrs.push_back(singleAttr(stateAttr, trainable.state));
    for (StringRef kind : {"gradient", "moment1", "moment2"})
      argumentAttrs.push_back(companionState(trainable, kind));
  }
  auto function = func::FuncOp::create(b, loc, "train_apply",
                                       b.getFunctionType(arguments, results));
  function.setAllArgAttrs(argumentAttrs);
  function.setAllResultAttrs(resultAttrs);
  return function;
}

} // namespace

void sterna::buildTrainApply(ModuleOp module, Location loc,
                             ArrayRef<Trainable> trainables) {
  func::FuncOp function = declareTrainApply(module, loc, trainables);
  OpBuilder b = OpBuilder::atBlockEnd(function.addEntryBlock());
  TensorBuilder build{b, NameLoc::get(b.getStringAttr("adamw"))};
  ValueRange arguments = function.getArguments();
  auto stateOf = [&](size_t index) {
    return arguments.slice(numInputs + index * numStates, numStates);
  };
  SmallVector<Value> gradients;
  for (size_t index = 0; index < trainables.size(); ++index)
    gradients.push_back(stateOf(index)[gradient]);
  Value norm = globalNorm(build, gradients);
  StepScalars scalars =
      stepScalars(build, arguments.take_front(numInputs), norm);
  SmallVector<Value> results{norm};
  for (size_t index = 0; index < trainables.size(); ++index)
    llvm::append_range(results, updateMatrix(build, scalars, stateOf(index)));
  func::ReturnOp::create(b, loc, results);
}
