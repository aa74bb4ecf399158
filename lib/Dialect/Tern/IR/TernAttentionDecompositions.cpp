//===- TernAttentionDecompositions.cpp - Attention and its gradients ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference decompositions of attention. Loops run over (b, h, g, s, ...):
// batch, key-value head, query head within it, token. Keys and values are
// transposed first so that the innermost loop of each product is contiguous.
//
//===----------------------------------------------------------------------===//

#include "ReferenceBuilder.h"

#include <cmath>

using namespace mlir;
using namespace sterna::tern;
using namespace sterna::tern::reference;

namespace {

/// Sizes and common pieces of one attention.
struct Attention {
  Reference r;
  Value query, key, value, position, querySegments, keySegments;
  Value keyScales, valueScales; // null unless keys and values are codes
  double scale;
  std::optional<int64_t> window;
  Type type = elementOf(query);
  int64_t batch = shapeOf(query)[0], tokens = shapeOf(query)[1];
  int64_t heads = shapeOf(query)[2], groups = shapeOf(query)[3];
  int64_t width = shapeOf(query)[4], columns = shapeOf(key)[1];

  SmallVector<int64_t> rowShape() const {
    return {batch, heads, groups, tokens};
  }
  SmallVector<int64_t> scoreShape() const {
    return {batch, heads, groups, tokens, columns};
  }
  template <typename Op>
  Attention(Op op, OpBuilder &b)
      : r{b, op.getLoc()}, query(op.getQuery()), key(op.getKey()),
        value(op.getValue()), position(op.getPosition()),
        querySegments(op.getQuerySegments()), keySegments(op.getKeySegments()),
        scale(getScoreScale(op.getScaleAttr(), shapeOf(query)[4])),
        window(op.getWindow()) {
    if constexpr (std::is_same_v<Op, AttentionOp>) {
      keyScales = op.getKeyScales();
      valueScales = op.getValueScales();
    }
  }

  Value scoreScale() { return r.constant(type, scale); }

  /// `[B, C, H, D]` to `[B, H, D, C]`.
  Value transpose(Value x) {
    return r.loops(
        "pppp", {{x, {0, 3, 1, 2}}},
        {r.empty({batch, heads, width, columns}, type), {0, 1, 2, 3}},
        [&](OpBuilder &, ValueRange x) { return r.toFloat(x[0], type); });
  }

  /// Products of the rows of `x` (query-shaped) and `y` (key-shaped).
  Value rowProducts(Value x, Value y) {
    return r.loops("pppprp",
                   {{x, {0, 3, 1, 2, 4}}, {transpose(y), {0, 1, 4, 5}}},
                   {r.zeros(scoreShape(), type), {0, 1, 2, 3, 5}},
                   [&](OpBuilder &, ValueRange x) {
                     return r.add(x[2], r.mul(x[0], x[1]));
                   });
  }

  /// Query-shaped `sum_c p[b, h, g, s, c] * y[b, c, h, d]`, each row of `y`
  /// times its scale if there are `scales`.
  Value weightedRows(Value p, Value y, Value scales = {}) {
    SmallVector<Operand> inputs{{p, {0, 1, 2, 3, 4}}, {y, {0, 4, 1, 5}}};
    if (scales)
      inputs.push_back({scales, {0, 4, 1}});
    return r.loops(
        "pppprp", inputs, {r.zeros(shapeOf(query), type), {0, 3, 1, 2, 5}},
        [&](OpBuilder &, ValueRange x) {
          Value weight = scales ? r.mul(x[0], r.toFloat(x[2], type)) : x[0];
          return r.add(x.back(), r.mul(weight, r.toFloat(x[1], type)));
        });
  }

  /// Key-shaped `sum_gs p[b, h, g, s, c] * x[b, s, h, g, d]`.
  Value weightedColumns(Value p, Value x) {
    return r.loops("pprrpp", {{p, {0, 1, 2, 3, 4}}, {x, {0, 3, 1, 2, 5}}},
                   {r.zeros(shapeOf(key), type), {0, 4, 1, 5}},
                   [&](OpBuilder &, ValueRange x) {
                     return r.add(x[2], r.mul(x[0], x[1]));
                   });
  }

  /// Inside loops (b, h, g, s, c): whether token s sees column c.
  Value visible() {
    using arith::CmpIPredicate;
    Value start = r.toIndex(r.extract(position)), column = r.loopIndex(4);
    Value last = arith::AddIOp::create(r.b, r.loc, start, r.loopIndex(3));
    Value seen = r.compare(CmpIPredicate::sle, column, last);
    auto restrictTo = [&](Value condition) {
      seen = arith::AndIOp::create(r.b, r.loc, seen, condition);
    };
    if (window) {
      Value hidden = arith::SubIOp::create(r.b, r.loc, last, r.index(*window));
      restrictTo(r.compare(CmpIPredicate::sgt, column, hidden));
    }
    if (querySegments) {
      Value own = r.extract(querySegments, {r.loopIndex(0), r.loopIndex(3)});
      Value other = r.extract(keySegments, {r.loopIndex(0), column});
      restrictTo(r.compare(CmpIPredicate::eq, own, other));
      restrictTo(r.compare(CmpIPredicate::sge, own, r.constant(0)));
    }
    return seen;
  }

  /// Inside loops: `x` over the sum of a row. That is zero where the row is
  /// empty alone: the largest score adds 1 to it.
  Value normalised(Value x, Value sum) {
    Value zero = r.constant(type, 0);
    Value isEmpty =
        arith::CmpFOp::create(r.b, r.loc, arith::CmpFPredicate::OEQ, sum, zero);
    return r.select(isEmpty, zero, r.div(x, sum));
  }

  Value rowSum(Value scores) {
    return r.loops(
        "ppppr", {{scores, {0, 1, 2, 3, 4}}},
        {r.zeros(rowShape(), type), {0, 1, 2, 3}},
        [&](OpBuilder &, ValueRange x) { return r.add(x[1], x[0]); });
  }

  /// Each score replaced by what `body` makes of the elements of `inputs` and,
  /// last, the score. The scores are the output operand, not an input, so that
  /// bufferization overwrites them: a kernel has one buffer of this size, which
  /// may be all that a GPU's shared memory holds.
  Value update(Value scores, ArrayRef<Operand> inputs,
               function_ref<Value(OpBuilder &, ValueRange)> body) {
    return r.loops("ppppp", inputs, {scores, {0, 1, 2, 3, 4}}, body);
  }

  /// exp(scores - row maximum), zero where masked; not yet normalised.
  Value exponentials() {
    SmallVector<Operand> factors;
    if (keyScales)
      factors.push_back({keyScales, {0, 4, 1}});
    Value scores = update(rowProducts(query, key), factors,
                          [&](OpBuilder &, ValueRange x) {
                            Value factor = scoreScale();
                            if (keyScales)
                              factor = r.mul(factor, r.toFloat(x[0], type));
                            return r.select(visible(), r.mul(x.back(), factor),
                                            r.constant(type, -infinity));
                          });
    Value maximum =
        r.loops("ppppr", {{scores, {0, 1, 2, 3, 4}}},
                {r.filled(rowShape(), type, -infinity), {0, 1, 2, 3}},
                [&](OpBuilder &, ValueRange x) { return r.max(x[1], x[0]); });
    return update(scores, {{maximum, {0, 1, 2, 3}}},
                  [&](OpBuilder &, ValueRange x) {
                    return r.select(visible(), r.exp(r.sub(x[1], x[0])),
                                    r.constant(type, 0));
                  });
  }

  Value probabilities() {
    Value exponential = exponentials();
    return update(
        exponential, {{rowSum(exponential), {0, 1, 2, 3}}},
        [&](OpBuilder &, ValueRange x) { return normalised(x[1], x[0]); });
  }
};

} // namespace

SmallVector<Value> AttentionOp::decompose(OpBuilder &b) {
  Attention a(*this, b);
  Value exponential = a.exponentials();
  Value sum = a.rowSum(exponential);
  Value weighted = a.weightedRows(exponential, getValue(), getValueScales());
  return {a.r.loops(
      "ppppp", {{sum, {0, 2, 3, 1}}}, {weighted, {0, 1, 2, 3, 4}},
      [&](OpBuilder &, ValueRange x) { return a.normalised(x[1], x[0]); })};
}

SmallVector<int64_t> AttentionOp::getParallelDimensions(unsigned) {
  return {2, 1, 3, 0};
}

SmallVector<Value> AttentionGradOp::decompose(OpBuilder &b) {
  Attention a(*this, b);
  Reference &r = a.r;
  Value p = a.probabilities();
  Value dp = a.rowProducts(getCotangent(), getValue());
  Value product =
      r.loops("ppppr", {{p, {0, 1, 2, 3, 4}}, {dp, {0, 1, 2, 3, 4}}},
              {r.zeros(a.rowShape(), a.type), {0, 1, 2, 3}},
              [&](OpBuilder &, ValueRange x) {
                return r.add(x[2], r.mul(x[0], x[1]));
              });
  Value ds = a.update(dp, {{p, {0, 1, 2, 3, 4}}, {product, {0, 1, 2, 3}}},
                      [&](OpBuilder &, ValueRange x) {
                        Value centred = r.mul(x[0], r.sub(x[2], x[1]));
                        return r.mul(centred, a.scoreScale());
                      });
  return {a.weightedRows(ds, getKey()), a.weightedColumns(ds, getQuery()),
          a.weightedColumns(p, getCotangent())};
}

// Gradients of keys and values are sums over tokens and groups. Key-value heads
// and batches stand at the same dimensions in all results.
SmallVector<int64_t> AttentionGradOp::getParallelDimensions(unsigned) {
  return {2, 0};
}
