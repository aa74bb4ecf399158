//===- OptimizerStep.cpp - Clipping and AdamW -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds `@train_apply`. It knows nothing of matrices: all trainables lie side
// by side in a few flat tensors, as do gradients and moments, so that a model
// of a thousand matrices is updated by a handful of ops. Every value that is
// equal for all elements is computed once, as a scalar.
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace sterna;

namespace {

/// Those of AdamW in PyTorch.
constexpr double beta1 = 0.9, beta2 = 0.999, adamEpsilon = 1e-8;
/// Keeps the division by the norm finite, as `clip_grad_norm_` in PyTorch.
constexpr double clipEpsilon = 1e-6;

/// A flat tensor is rows of 1024 elements, 64 MiB at most unless one trainable
/// is larger: a GPU binds no more than 128 MiB at once. Each trainable begins
/// at a multiple of 64 bytes, as all buffers do; what is between holds zeros.
constexpr int64_t rowElements = 1024, maxElements = 1 << 24,
                  alignedElements = 16;

/// Partial sums of a row's squares, enough to fill vectors.
constexpr int64_t rowLanes = 64;

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

/// State arguments of one chunk, in order.
enum State { parameter, gradient, moment1, moment2, numStates };
constexpr std::optional<tern::StateKind> stateKinds[numStates] = {
    std::nullopt, tern::StateKind::gradient, tern::StateKind::moment1,
    tern::StateKind::moment2};

/// Trainables that lie side by side, as one flat tensor.
struct Chunk {
  SmallVector<const Trainable *> trainables;
  SmallVector<int64_t> offsets; // in elements
  int64_t elements = 0;

  void append(const Trainable &trainable) {
    trainables.push_back(&trainable);
    offsets.push_back(elements);
    elements = llvm::alignTo(elements + trainable.type.getNumElements(),
                             alignedElements);
  }

  RankedTensorType getType() const {
    return RankedTensorType::get(
        {int64_t(llvm::divideCeil(elements, rowElements)), rowElements},
        trainables.front()->type.getElementType());
  }

  /// The `tern.states` of the flat tensor of all trainables or, with a `kind`,
  /// of what accompanies them.
  DictionaryAttr describe(std::optional<tern::StateKind> kind) const {
    SmallVector<Attribute> parts;
    MLIRContext *context = trainables.front()->state.getContext();
    for (auto [trainable, offset] : llvm::zip_equal(trainables, offsets))
      parts.push_back(tern::StatePartAttr::get(
          context, kind ? companionState(*trainable, *kind) : trainable->state,
          trainable->type, offset));
    return singleAttr(tern::statesAttr, ArrayAttr::get(context, parts));
  }
};

std::vector<Chunk> cutIntoChunks(ArrayRef<Trainable> trainables) {
  std::vector<Chunk> chunks(1);
  for (const Trainable &trainable : trainables) {
    const Chunk &last = chunks.back();
    if (!last.trainables.empty() &&
        last.elements + trainable.type.getNumElements() > maxElements)
      chunks.emplace_back();
    chunks.back().append(trainable);
  }
  return chunks;
}

/// Scalars of the update, the same for all elements.
struct StepScalars {
  Value norm;     ///< Of all gradients together.
  Value clip;     ///< Factor of every gradient.
  Value decay;    ///< Factor of every parameter: 1 - rate * decay.
  Value stepSize; ///< rate / bias correction 1.
  Value root;     ///< sqrt(bias correction 2).
};

/// Sum of the squares of a flat tensor: by lanes of each row, then of all rows,
/// then over the lanes. The order depends on the shape alone.
Value sumOfSquares(const TensorBuilder &build, Value flat) {
  auto type = cast<RankedTensorType>(flat.getType());
  OpBuilder &b = build.b;
  int64_t rows = type.getDimSize(0);
  Value lanes = tensor::ExpandShapeOp::create(
      b, build.loc, type.clone({rows, rowElements / rowLanes, rowLanes}), flat,
      ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  RankedTensorType sumType = type.clone({rows, rowLanes});
  AffineExpr row = b.getAffineDimExpr(0), lane = b.getAffineDimExpr(2);
  AffineMap maps[] = {b.getMultiDimIdentityMap(3),
                      AffineMap::get(3, 0, {row, lane}, b.getContext())};
  utils::IteratorType iterators[] = {utils::IteratorType::parallel,
                                     utils::IteratorType::reduction,
                                     utils::IteratorType::parallel};
  // A generic op and not a reduction, so that rows go to different threads.
  Value sums =
      linalg::GenericOp::create(
          b, build.loc, sumType, lanes, build.zeros(sumType), maps, iterators,
          [](OpBuilder &nested, Location loc, ValueRange args) {
            TensorBuilder inner{nested, loc};
            Value square = inner.mul(args[0], args[0]);
            Value sum = inner.add(args[1], square);
            linalg::YieldOp::create(nested, loc, sum);
          })
          .getResult(0);
  return build.sumAll(build.sum(sums, {0}, type.clone({rowLanes})));
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
  return {norm, build.select(isOff, one, clipped),
          build.sub(one, build.mul(inputs[learningRate], inputs[weightDecay])),
          build.div(inputs[learningRate], inputs[biasCorrection1]),
          build.sqrt(inputs[biasCorrection2])};
}

/// New parameter and moments of one element. A step whose norm is not finite
/// leaves them as they are.
SmallVector<Value, 3> updateElement(const TensorBuilder &build,
                                    const StepScalars &scalars, Value p,
                                    Value gradient, Value m, Value v) {
  Type type = p.getType();
  auto constant = [&](double value) { return build.constant(type, value); };
  Value g = build.mul(gradient, scalars.clip);
  Value newM = build.add(build.mul(constant(beta1), m),
                         build.mul(constant(1 - beta1), g));
  Value square = build.mul(g, g);
  Value newV = build.add(build.mul(constant(beta2), v),
                         build.mul(constant(1 - beta2), square));
  Value denominator = build.add(build.div(build.sqrt(newV), scalars.root),
                                constant(adamEpsilon));
  Value step = build.mul(scalars.stepSize, build.div(newM, denominator));
  Value newP = build.sub(build.mul(p, scalars.decay), step);
  Value isFinite =
      build.compare(arith::CmpFPredicate::OLT, scalars.norm,
                    constant(std::numeric_limits<double>::infinity()));
  return {build.select(isFinite, newP, p), build.select(isFinite, newM, m),
          build.select(isFinite, newV, v)};
}

/// New parameters and moments of one chunk, by one op.
ValueRange updateChunk(const TensorBuilder &build, const StepScalars &scalars,
                       ValueRange state) {
  OpBuilder &b = build.b;
  SmallVector<Value> inputs{scalars.norm,     scalars.clip, scalars.decay,
                            scalars.stepSize, scalars.root, state[gradient]};
  SmallVector<Value> replaced{state[parameter], state[moment1], state[moment2]};
  AffineMap scalar = AffineMap::get(2, 0, b.getContext());
  AffineMap identity = b.getMultiDimIdentityMap(2);
  SmallVector<AffineMap> maps(5, scalar);
  maps.append(4, identity);
  SmallVector<utils::IteratorType> parallel(2, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, build.loc, TypeRange(ValueRange(replaced)), inputs, replaced,
             maps, parallel,
             [](OpBuilder &nested, Location loc, ValueRange args) {
               StepScalars inner{args[0], args[1], args[2], args[3], args[4]};
               linalg::YieldOp::create(nested, loc,
                                       updateElement({nested, loc}, inner,
                                                     args[6], args[5], args[7],
                                                     args[8]));
             })
      .getResults();
}

/// The function with its arguments and results described, without a body.
func::FuncOp declareTrainApply(ModuleOp module, Location loc,
                               ArrayRef<Chunk> chunks) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  auto scalar = RankedTensorType::get({}, b.getF32Type());
  SmallVector<Type> arguments(numInputs, scalar), results{scalar};
  SmallVector<DictionaryAttr> argumentAttrs;
  SmallVector<DictionaryAttr> resultAttrs{
      singleAttr(tern::outputAttr, b.getStringAttr("grad_norm"))};
  for (StringRef name : inputNames)
    argumentAttrs.push_back(singleAttr(tern::inputAttr, b.getStringAttr(name)));
  for (const Chunk &chunk : chunks) {
    for (State tied : {parameter, moment1, moment2}) {
      results.push_back(chunk.getType());
      resultAttrs.push_back(singleAttr(
          tern::tiedAttr, b.getI64IntegerAttr(arguments.size() + tied)));
    }
    arguments.append(numStates, chunk.getType());
    for (std::optional<tern::StateKind> kind : stateKinds)
      argumentAttrs.push_back(chunk.describe(kind));
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
  std::vector<Chunk> chunks = cutIntoChunks(trainables);
  func::FuncOp function = declareTrainApply(module, loc, chunks);
  OpBuilder b = OpBuilder::atBlockEnd(function.addEntryBlock());
  TensorBuilder build{b, NameLoc::get(b.getStringAttr("adamw"))};
  ValueRange arguments = function.getArguments();
  auto stateOf = [&](size_t index) {
    return arguments.slice(numInputs + index * numStates, numStates);
  };
  module->setAttr(tern::adamwAttr,
                  tern::AdamWAttr::get(b.getContext(), b.getF64FloatAttr(beta1),
                                       b.getF64FloatAttr(beta2)));
  Value total;
  for (size_t index = 0; index < chunks.size(); ++index) {
    Value sum = sumOfSquares(build, stateOf(index)[gradient]);
    total = total ? build.add(total, sum) : sum;
  }
  Value norm = build.sqrt(total);
  StepScalars scalars =
      stepScalars(build, arguments.take_front(numInputs), norm);
  SmallVector<Value> results{norm};
  for (size_t index = 0; index < chunks.size(); ++index)
    llvm::append_range(results, updateChunk(build, scalars, stateOf(index)));
  func::ReturnOp::create(b, loc, results);
}
