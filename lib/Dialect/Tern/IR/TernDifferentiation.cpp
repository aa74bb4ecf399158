//===- TernDifferentiation.cpp - Reverse-mode rules of the tern ops -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rules of `DifferentiableOpInterface`. Quantizers are straight-through inside
// `tern.linear`, and a frozen ternary matrix never gets a cotangent.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "ReferenceBuilder.h"

using namespace mlir;
using namespace sterna::tern;
using namespace sterna::tern::reference;

using Cotangents = FailureOr<SmallVector<Value>>;

/// Fails with an error where one of the operands from `first` on is wanted:
/// those are parameters of the model, which this rule takes as constant.
static LogicalResult expectFrozen(Operation *op, ArrayRef<bool> wanted,
                                  unsigned first) {
  for (unsigned index = first; index < wanted.size(); ++index)
    if (wanted[index])
      return op->emitOpError("has no differentiation rule for operand #")
             << index << ": it must not depend on a differentiated value";
  return success();
}

Cotangents CheckpointOp::buildCotangents(OpBuilder &, ValueRange cotangents,
                                         ArrayRef<bool>) {
  return SmallVector<Value>{cotangents.front()};
}

//===----------------------------------------------------------------------===//
// Ternary linear layer
//===----------------------------------------------------------------------===//

Cotangents LinearOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                     ArrayRef<bool> wanted) {
  if (failed(expectFrozen(*this, wanted, 1)))
    return failure();
  Value input = MatmulTransposedOp::create(b, getLoc(), getInput().getType(),
                                           cotangents.front(), getWeight(),
                                           getScale(), getGroupAttr());
  return SmallVector<Value>{input, Value(), Value()};
}

Cotangents MatmulTransposedOp::buildCotangents(OpBuilder &b,
                                               ValueRange cotangents,
                                               ArrayRef<bool> wanted) {
  if (failed(expectFrozen(*this, wanted, 1)))
    return failure();
  Value lhs =
      MatmulOp::create(b, getLoc(), getLhs().getType(), cotangents.front(),
                       getWeight(), getScale(), getGroupAttr());
  return SmallVector<Value>{lhs, Value(), Value()};
}

//===----------------------------------------------------------------------===//
// Transformer block
//===----------------------------------------------------------------------===//

/// The weight's gradient: column sums of the cotangent times the normalised
/// input, which is the norm with a weight of one.
static Value normWeightCotangent(RmsNormOp op, OpBuilder &b, Value cotangent) {
  Reference r{b, op.getLoc()};
  Value weight = op.getWeight();
  Value ones = r.constant(weight.getType(), 1);
  Value normalised = RmsNormOp::create(
      b, op.getLoc(), op.getType(), op.getInput(), ones, op.getEpsilonAttr());
  Type type = elementOf(cotangent);
  Value sum = r.sum(r.mul(cotangent, normalised), {0},
                    RankedTensorType::get(shapeOf(weight), type));
  return r.convert(sum, elementOf(weight));
}

/// The cotangent of what ids outside of the table read: zero for the others.
static Value initCotangent(EmbeddingOp op, OpBuilder &b, Value cotangent) {
  Reference r{b, op.getLoc()};
  int64_t rows = shapeOf(op.getTable())[0];
  return r.loops(
      "pp", {{op.getIds(), {0}}, {cotangent, {0, 1}}},
      {r.empty(shapeOf(cotangent), elementOf(cotangent)), {0, 1}},
      [&](OpBuilder &, ValueRange x) {
        Value id = arith::SubIOp::create(b, op.getLoc(), x[0],
                                         r.constant(int32_t(op.getOffset())));
        Value valid =
            r.compare(arith::CmpIPredicate::ult, id, r.constant(int32_t(rows)));
        return r.select(valid, r.constant(elementOf(cotangent), 0), x[1]);
      });
}

Cotangents EmbeddingOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                        ArrayRef<bool> wanted) {
  // In the order of the operands: table, ids, then those that are there.
  SmallVector<Value> result(getNumOperands());
  unsigned init = getNumOperands() - 1;
  if (getScale() && failed(expectFrozen(*this, wanted.take_front(3), 2)))
    return failure();
  if (wanted[0])
    result[0] =
        EmbeddingGradOp::create(b, getLoc(), getTable().getType(), getIds(),
                                cotangents.front(), getOffsetAttr());
  if (getInit() && wanted[init])
    result[init] = initCotangent(*this, b, cotangents.front());
  return result;
}

Cotangents RmsNormOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                      ArrayRef<bool> wanted) {
  SmallVector<Value> result(2);
  if (wanted[0])
    result[0] =
        RmsNormGradOp::create(b, getLoc(), getType(), getInput(), getWeight(),
                              cotangents.front(), getEpsilonAttr());
  if (wanted[1])
    result[1] = normWeightCotangent(*this, b, cotangents.front());
  return result;
}

Cotangents RopeOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                   ArrayRef<bool> wanted) {
  if (failed(expectFrozen(*this, wanted, 1)))
    return failure();
  auto rotated = RopeOp::create(b, getLoc(), getType(), cotangents.front(),
                                getCosine(), getSine(), getPosition());
  rotated.setInverse(!getInverse());
  return SmallVector<Value>{rotated, Value(), Value(), Value()};
}

Cotangents AttentionOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                        ArrayRef<bool> wanted) {
  if (elementOf(getKey()) != elementOf(getQuery()))
    return emitOpError("has no gradient where keys are narrower than queries");
  auto gradients = AttentionGradOp::create(
      b, getLoc(), getQuery().getType(), getKey().getType(),
      getValue().getType(), getQuery(), getKey(), getValue(), getPosition(),
      cotangents.front(), getQuerySegments(), getKeySegments(), getScaleAttr(),
      getWindowAttr());
  SmallVector<Value> result(getNumOperands());
  for (unsigned index : {0u, 1u, 2u})
    if (wanted[index])
      result[index] = gradients.getResult(index);
  return result;
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

Cotangents CrossEntropyOp::buildCotangents(OpBuilder &b, ValueRange cotangents,
                                           ArrayRef<bool>) {
  Reference r{b, getLoc()};
  Value zeros = r.constant(getType(), 0);
  auto statistics = SoftmaxStatisticsOp::create(
      b, getLoc(), getLogits(), getLabels(), r.constant(getType(), -infinity),
      zeros, zeros, /*offset=*/0);
  Value logits = CrossEntropyGradOp::create(
      b, getLoc(), getLogits(), getLabels(), statistics.getNewMaximum(),
      statistics.getNewSum(), cotangents.front(), /*offset=*/0);
  return SmallVector<Value>{logits, Value()};
}
