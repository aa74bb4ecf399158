//===- OptimizerUpdate.cpp - What an optimizer does with a gradient -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OptimizerUpdate.h. Every value that is equal for all elements is computed
// once, as a scalar.
//
//===----------------------------------------------------------------------===//

#include "OptimizerUpdate.h"

#include <numeric>

using namespace mlir;
using namespace sterna;

DictionaryAttr sterna::singleAttr(StringRef name, Attribute value) {
  MLIRContext *context = value.getContext();
  return DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, name), value));
}

Value sterna::addArgument(func::FuncOp function, Type type,
                          DictionaryAttr attributes) {
  unsigned index = function.getNumArguments();
  if (failed(
          function.insertArgument(index, type, attributes, function.getLoc())))
    llvm_unreachable("a func.func takes further arguments");
  return function.getArgument(index);
}

static Value addInput(func::FuncOp function, StringRef name, Type type) {
  return addArgument(
      function, type,
      singleAttr(tern::inputAttr, StringAttr::get(type.getContext(), name)));
}

Value sterna::addScalarInput(func::FuncOp function, StringRef name) {
  Builder b(function.getContext());
  return addInput(function, name, RankedTensorType::get({}, b.getF32Type()));
}

Value sterna::sumOfSquares(const TensorBuilder &build, Value x,
                           int64_t rowElements) {
  RankedTensorType type = typeOf(x);
  OpBuilder &b = build.b;
  // Enough partial sums to fill vectors.
  int64_t lanes = std::gcd<int64_t>(rowElements, 64);
  int64_t rows = type.getNumElements() / rowElements;
  auto shaped = [&](ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, type.getElementType());
  };
  Value viewed = reshape(build, x, shaped({rows, rowElements / lanes, lanes}));
  AffineExpr row = b.getAffineDimExpr(0), lane = b.getAffineDimExpr(2);
  AffineMap maps[] = {b.getMultiDimIdentityMap(3),
                      AffineMap::get(3, 0, {row, lane}, b.getContext())};
  utils::IteratorType iterators[] = {utils::IteratorType::parallel,
                                     utils::IteratorType::reduction,
                                     utils::IteratorType::parallel};
  // A generic op and not a reduction, so that rows go to different threads.
  RankedTensorType sumType = shaped({rows, lanes});
  Value sums =
      linalg::GenericOp::create(
          b, build.loc, sumType, viewed, build.zeros(sumType), maps, iterators,
          [](OpBuilder &nested, Location loc, ValueRange args) {
            TensorBuilder inner{nested, loc};
            Value square = inner.mul(args[0], args[0]);
            Value sum = inner.add(args[1], square);
            linalg::YieldOp::create(nested, loc, sum);
          })
          .getResult(0);
  if (rows > 1)
    sums = build.sum(sums, {0}, shaped({lanes}));
  return build.sumAll(sums);
}

void ProgramResults::addOutput(StringRef name, Value value) {
  values.push_back(value);
  attributes.push_back(
      singleAttr(tern::outputAttr, StringAttr::get(value.getContext(), name)));
}

void ProgramResults::addTied(Value argument, Value value) {
  values.push_back(value);
  unsigned number = cast<BlockArgument>(argument).getArgNumber();
  attributes.push_back(singleAttr(
      tern::tiedAttr, Builder(value.getContext()).getI64IntegerAttr(number)));
}

void ProgramResults::finish(func::FuncOp function) const {
  Block &body = function.front();
  if (!body.empty() && body.back().hasTrait<OpTrait::IsTerminator>())
    body.back().erase();
  OpBuilder b = OpBuilder::atBlockEnd(&body);
  func::ReturnOp::create(b, function.getLoc(), values);
  function.setFunctionType(b.getFunctionType(function.getArgumentTypes(),
                                             TypeRange(ValueRange(values))));
  function.setAllResultAttrs(attributes);
}

OptimizerUpdate::OptimizerUpdate(func::FuncOp function,
                                 const OptimizerOptions &options)
    : options(options) {
  learningRate = addScalarInput(function, "learning_rate");
  weightDecay = addScalarInput(function, "weight_decay");
  if (options.clipping == tern::GradientClipping::exact)
    limit = addScalarInput(function, "max_grad_norm");
  else if (options.clipping == tern::GradientClipping::previous)
    clip = addScalarInput(function, "clip");
  if (options.kind != tern::OptimizerKind::adamw)
    return;
  biasCorrection1 = addScalarInput(function, "bias_correction1");
  biasCorrection2 = addScalarInput(function, "bias_correction2");
  if (options.int8State)
    roundingSeed =
        addInput(function, "rounding_seed",
                 RankedTensorType::get(
                     {1}, IntegerType::get(function.getContext(), 32)));
}

Location OptimizerUpdate::getLoc() const {
  return NameLoc::get(StringAttr::get(
      learningRate.getContext(), format::EnumNameOptimizerKind(options.kind)));
}

void OptimizerUpdate::prepare(const TensorBuilder &build, Value norm) {
  Type type = learningRate.getType();
  Value one = build.constant(type, 1);
  if (options.clipping == tern::GradientClipping::exact) {
    Value ratio =
        build.div(limit, build.add(norm, build.constant(type, clipEpsilon)));
    Value clipped = arith::MinNumFOp::create(build.b, build.loc, ratio, one);
    Value isOff = build.compare(arith::CmpFPredicate::OEQ, limit,
                                build.constant(type, 0));
    clip = build.select(isOff, one, clipped);
  } else if (!clip) {
    clip = one;
  }
  scalars.decay = build.sub(one, build.mul(learningRate, weightDecay));
  if (options.kind == tern::OptimizerKind::adamw) {
    scalars.stepSize = build.div(learningRate, biasCorrection1);
    scalars.root = build.sqrt(biasCorrection2);
  } else {
    scalars.stepSize = learningRate;
  }
}

/// How many elements share a scale: of those of one tensor that lie one after
/// the other as many as fit, at most 256.
static int64_t blockSize(int64_t elements) {
  int64_t size = std::min<int64_t>(elements, 256);
  while (elements % size != 0)
    --size;
  return size;
}

/// `type` as rows, each a block.
static RankedTensorType blocksOf(RankedTensorType type) {
  int64_t elements = type.getNumElements(), size = blockSize(elements);
  return RankedTensorType::get({elements / size, size}, type.getElementType());
}

Value sterna::reshape(const TensorBuilder &build, Value x,
                      RankedTensorType type) {
  RankedTensorType from = typeOf(x);
  if (from == type)
    return x;
  auto all = [](RankedTensorType of) {
    return SmallVector<ReassociationIndices>{
        llvm::to_vector(llvm::seq<int64_t>(0, of.getRank()))};
  };
  auto flat =
      RankedTensorType::get({from.getNumElements()}, from.getElementType());
  if (from.getRank() == 0)
    x = tensor::ExpandShapeOp::create(build.b, build.loc, flat, x,
                                      ArrayRef<ReassociationIndices>());
  else if (from.getRank() > 1)
    x = tensor::CollapseShapeOp::create(build.b, build.loc, flat, x, all(from));
  if (type.getRank() == 0)
    return tensor::CollapseShapeOp::create(build.b, build.loc, type, x,
                                           ArrayRef<ReassociationIndices>());
  if (type.getRank() == 1)
    return x;
  return tensor::ExpandShapeOp::create(build.b, build.loc, type, x, all(type));
}

SmallVector<Value> OptimizerUpdate::addState(func::FuncOp function,
                                             RankedTensorType type,
                                             Describe describe) const {
  if (options.kind != tern::OptimizerKind::adamw)
    return {};
  SmallVector<Value> state;
  RankedTensorType blocks = blocksOf(type);
  for (tern::StateKind kind :
       {tern::StateKind::moment1, tern::StateKind::moment2}) {
    auto add = [&](StringRef suffix, RankedTensorType each) {
      state.push_back(
          addArgument(function, each, describe(kind, suffix)));
    };
    if (!options.int8State) {
      add("", type);
      continue;
    }
    add("", blocks.clone(IntegerType::get(function.getContext(), 8)));
    add(".scale",
        RankedTensorType::get({blocks.getDimSize(0)}, type.getElementType()));
  }
  return state;
}

/// What one step makes of the elements of `replaced`, all of one shape, by one
/// op: `body` gets the scalars, the gradient's element and the old ones; where
/// a guard is not finite, they stay.
static SmallVector<Value> updateElements(
    const TensorBuilder &build, ValueRange scalars, ValueRange guards,
    Value gradient, ValueRange replaced,
    function_ref<SmallVector<Value>(const TensorBuilder &, ValueRange scalars,
                                    Value gradient, ValueRange old)>
        body) {
  OpBuilder &b = build.b;
  unsigned rank = typeOf(gradient).getRank();
  SmallVector<Value> inputs(scalars);
  llvm::append_range(inputs, guards);
  SmallVector<AffineMap> maps(inputs.size(),
                              AffineMap::get(rank, 0, b.getContext()));
  inputs.push_back(gradient);
  maps.append(1 + replaced.size(), b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      b, build.loc, TypeRange(replaced), inputs, replaced, maps, parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        TensorBuilder inner{nested, loc};
        ValueRange old = args.take_back(replaced.size());
        SmallVector<Value> next =
            body(inner, args.take_front(scalars.size()),
                 args[scalars.size() + guards.size()], old);
        Value taken =
            adamw::allFinite(inner, args.slice(scalars.size(), guards.size()));
        for (auto [value, before] : llvm::zip_equal(next, old))
          value = inner.select(taken, value, before);
        linalg::YieldOp::create(nested, loc, next);
      });
  return llvm::to_vector_of<Value>(op.getResults());
}

SmallVector<Value> OptimizerUpdate::updateByAdamW(const TensorBuilder &build,
                                                  Value parameter,
                                                  ValueRange state,
                                                  Value gradient,
                                                  ValueRange guards) const {
  return updateElements(
      build, {clip, scalars.decay, scalars.stepSize, scalars.root}, guards,
      gradient, {parameter, state[0], state[1]},
      [](const TensorBuilder &inner, ValueRange scalars, Value gradient,
         ValueRange old) -> SmallVector<Value> {
        Value g = inner.mul(gradient, scalars[0]);
        Value first = adamw::updateFirst(inner, g, old[1]);
        Value second = adamw::updateSecond(inner, g, old[2]);
        Value parameter =
            adamw::updateParameter(inner, {scalars[1], scalars[2], scalars[3]},
                                   old[0], first, inner.sqrt(second));
        return {parameter, first, second};
      });
}

SmallVector<Value> OptimizerUpdate::updateBySGD(const TensorBuilder &build,
                                                Value parameter, Value gradient,
                                                ValueRange guards) const {
  return updateElements(
      build, {clip, scalars.decay, scalars.stepSize}, guards, gradient,
      parameter,
      [](const TensorBuilder &inner, ValueRange scalars, Value gradient,
         ValueRange old) -> SmallVector<Value> {
        Value step = inner.mul(scalars[2], inner.mul(gradient, scalars[0]));
        return {inner.sub(inner.mul(old[0], scalars[1]), step)};
      });
}

SmallVector<Value> OptimizerUpdate::updateByBlocks(const TensorBuilder &build,
                                                   Value parameter,
                                                   ValueRange state,
                                                   Value gradient,
                                                   ValueRange guards) const {
  RankedTensorType type = typeOf(parameter), blocks = blocksOf(type);
  auto op = tern::BlockwiseAdamWOp::create(
      build.b, build.loc, reshape(build, parameter, blocks),
      reshape(build, gradient, blocks), state[0], state[1], state[2], state[3],
      clip, scalars.decay, scalars.stepSize, scalars.root, roundingSeed,
      guards);
  SmallVector<Value> results = llvm::to_vector_of<Value>(op.getResults());
  results[0] = reshape(build, results[0], type);
  return results;
}

void OptimizerUpdate::update(const TensorBuilder &build, Value parameter,
                             ValueRange state, Value gradient,
                             ValueRange guards, ProgramResults &results) const {
  SmallVector<Value> next;
  if (options.kind == tern::OptimizerKind::sgd)
    next = updateBySGD(build, parameter, gradient, guards);
  else if (options.int8State)
    next = updateByBlocks(build, parameter, state, gradient, guards);
  else
    next = updateByAdamW(build, parameter, state, gradient, guards);
  results.addTied(parameter, next.front());
  for (auto [old, value] : llvm::zip_equal(state, ArrayRef(next).drop_front()))
    results.addTied(old, value);
}
