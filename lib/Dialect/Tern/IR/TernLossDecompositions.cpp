//===- TernLossDecompositions.cpp - Cross entropy and its gradient --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference decompositions of the loss, over whole rows or over chunks of the
// vocabulary.
//
//===----------------------------------------------------------------------===//

#include "ReferenceBuilder.h"

using namespace mlir;
using namespace sterna::tern;
using namespace sterna::tern::reference;

/// Inside loops (t, v): whether column v is the label of row t.
static Value isLabel(Reference &r, Value label, int64_t offset) {
  Value column =
      arith::IndexCastOp::create(r.b, r.loc, r.b.getI32Type(), r.loopIndex(1));
  column =
      arith::AddIOp::create(r.b, r.loc, column, r.constant(int32_t(offset)));
  return r.compare(arith::CmpIPredicate::eq, label, column);
}

SmallVector<Value> SoftmaxStatisticsOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = elementOf(getLogits());
  ArrayRef<int64_t> rows = shapeOf(getLabels());
  auto copy = [&](Value x) {
    return r.loops("p", {{x, {0}}}, {r.empty(rows, type), {0}},
                   [](OpBuilder &, ValueRange x) { return x[0]; });
  };
  Value maximum =
      r.loops("pr", {{getLogits(), {0, 1}}}, {copy(getMaximum()), {0}},
              [&](OpBuilder &, ValueRange x) { return r.max(x[1], x[0]); });
  Value rescaled =
      r.loops("p", {{getSum(), {0}}, {getMaximum(), {0}}, {maximum, {0}}},
              {r.empty(rows, type), {0}}, [&](OpBuilder &, ValueRange x) {
                return r.mul(x[0], r.exp(r.sub(x[1], x[2])));
              });
  Value sum = r.loops("pr", {{getLogits(), {0, 1}}, {maximum, {0}}},
                      {rescaled, {0}}, [&](OpBuilder &, ValueRange x) {
                        return r.add(x[2], r.exp(r.sub(x[0], x[1])));
                      });
  Value target =
      r.loops("pr", {{getLogits(), {0, 1}}, {getLabels(), {0}}},
              {copy(getTarget()), {0}}, [&](OpBuilder &, ValueRange x) {
                Value hit = isLabel(r, x[1], getOffset());
                return r.add(x[2], r.select(hit, x[0], r.constant(type, 0)));
              });
  return {maximum, sum, target};
}

SmallVector<Value> CrossEntropyOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = elementOf(getLoss());
  ArrayRef<int64_t> rows = shapeOf(getLabels());
  auto statistics = SoftmaxStatisticsOp::create(
      b, getLoc(), getLogits(), getLabels(), r.filled(rows, type, -infinity),
      r.zeros(rows, type), r.zeros(rows, type), /*offset=*/0);
  return {r.loops("p",
                  {{statistics.getNewMaximum(), {0}},
                   {statistics.getNewSum(), {0}},
                   {statistics.getNewTarget(), {0}},
                   {getLabels(), {0}}},
                  {r.empty(rows, type), {0}}, [&](OpBuilder &, ValueRange x) {
                    Value log = math::LogOp::create(b, getLoc(), x[1]);
                    Value loss = r.sub(r.add(log, x[0]), x[2]);
                    Value scored = r.compare(arith::CmpIPredicate::sge, x[3],
                                             r.constant(0));
                    return r.select(scored, loss, r.constant(type, 0));
                  })};
}

SmallVector<Value> CrossEntropyGradOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  return {r.loops("pp",
                  {{getLogits(), {0, 1}},
                   {getLabels(), {0}},
                   {getMaximum(), {0}},
                   {getSum(), {0}},
                   {getCotangent(), {0}}},
                  {r.empty(getType().getShape(), type), {0, 1}},
                  [&](OpBuilder &, ValueRange x) {
                    Value zero = r.constant(type, 0), one = r.constant(type, 1);
                    Value probability = r.div(r.exp(r.sub(x[0], x[2])), x[3]);
                    Value hit =
                        r.select(isLabel(r, x[1], getOffset()), one, zero);
                    Value gradient = r.mul(x[4], r.sub(probability, hit));
                    Value scored = r.compare(arith::CmpIPredicate::sge, x[1],
                                             r.constant(0));
                    return r.select(scored, gradient, zero);
                  })};
}

SmallVector<int64_t> CrossEntropyGradOp::getParallelDimensions(unsigned) {
  return {0, 1};
}
