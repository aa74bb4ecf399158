//===- MicrosoftAttention.cpp - Attention of ONNX Runtime's op set --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ONNX Runtime's optimizer makes of transformers: attention with its
// projections, with and without past, and embeddings with their norm. Follows
// docs/ContribOperators.md of that project.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Matrices.h"
#include "Norms.h"
#include "Reduce.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// Attention with the projection of q, k and v: inputs are hidden states [B, S,
/// I], weights [I, 3 H], a bias, a mask [B, T] of what may be seen, and the
/// past [2, B, N, P, D].
class FusedAttention {
public:
  explicit FusedAttention(NodeBuilder &n) : n(n) {}

  LogicalResult run() {
    if (failed(n.expectInputs(2)) || failed(project()))
      return failure();
    if (n.has(4) && failed(appendToPast()))
      return failure();
    Value scores = scoresOf();
    if (!scores)
      return failure();
    Value result = multiplyMatrices(n, {buildSoftmax(n, scores, {3}), compute},
                                    {parts[2], compute});
    if (!result)
      return failure();
    result = n.transpose(result, {0, 2, 1, 3});
    Shape shape = n.shapeOf(result);
    result = n.reshape(result, {shape[0], shape[1], shape[2] * shape[3]});
    n.setOutput(0, n.narrow(result, type), type);
    return success();
  }

private:
  LogicalResult project() {
    type = n.dataType(0);
    GraphValue x = n.widened(0);
    compute = x.type;
    heads = n.getInt("num_heads", 0);
    for (size_t number : {5, 6})
      if (n.has(number))
        return n.fail("its input " + Twine(number) + " is not supported");
    if (n.findInts("qkv_hidden_sizes") || n.getInt("do_rotary", 0) != 0 ||
        n.getInt("past_present_share_buffer", 0) != 0)
      return n.fail("expected q, k and v of one size, without rotary embedding "
                    "or shared buffers");
    Value projected = multiplyMatrices(n, x, n.widened(1));
    if (projected && n.has(2))
      projected =
          n.elementwise({{projected, compute}, n.widened(2)},
                        [&](ArrayRef<Value> v) { return n.add(v[0], v[1]); });
    if (!projected)
      return failure();
    Shape shape = n.shapeOf(projected);
    if (shape.size() != 3 || heads <= 0 || shape[2] % (3 * heads) != 0)
      return n.fail("its number of heads does not fit its weights");
    int64_t width = shape[2] / 3 / heads;
    Extents ones(4, 1), part{shape[0], shape[1], heads, width};
    Value split = n.reshape(projected, {shape[0], shape[1], 3 * heads, width});
    for (int64_t number = 0; number < 3; ++number)
      parts[number] = n.transpose(
          n.slice(split, {0, 0, number * heads, 0}, part, ones), {0, 2, 1, 3});
    return success();
  }

  LogicalResult appendToPast() {
    Shape shape = n.shapeOf(n.operand(4)), now = n.shapeOf(parts[1]);
    if (shape.size() != 5 ||
        shape != Shape{2, now[0], now[1], shape[3], now[3]})
      return n.fail("its past does not fit its input");
    past = shape[3];
    Extents ones(5, 1), part(shape);
    part[0] = 1;
    SmallVector<Value> present;
    for (int64_t number : {0, 1}) {
      Value before = n.reshape(
          n.slice(n.widen(n.operand(4)), {number, 0, 0, 0, 0}, part, ones),
          shape.drop_front());
      Value &now = parts[1 + number];
      if (past != 0)
        now = n.concat({before, now}, 2);
      Extents wide{1};
      llvm::append_range(wide, n.shapeOf(now));
      present.push_back(n.reshape(now, wide));
    }
    n.setOutput(1, n.narrow(n.concat(present, 0), type), type);
    return success();
  }

  Value scoresOf() {
    double width = n.shapeOf(parts[0]).back();
    double scale = n.getFloat("scale", 0);
    double filter = n.getFloat("mask_filter_value", -10000);
    bool isCausal = n.getInt("unidirectional", 0) != 0;
    Value keys = n.transpose(parts[1], {0, 1, 3, 2});
    Value scores = multiplyMatrices(n, {parts[0], compute}, {keys, compute});
    if (!scores)
      return nullptr;
    scores = n.mul(scores, n.constant(scores.getType(),
                                      scale ? scale : 1 / std::sqrt(width)));
    Shape shape = n.shapeOf(scores);
    Value hidden = n.constant(scores.getType(), filter);
    if (isCausal)
      scores =
          hideColumns(n, scores, arith::CmpIPredicate::sle, past, 0, filter);
    if (!n.has(3))
      return scores;
    Value mask = n.operand(3);
    if (n.shapeOf(mask) != Shape{shape[0], shape[3]}) {
      (void)n.fail("expected a mask of [" + Twine(shape[0]) + ", " +
                   Twine(shape[3]) + "]");
      return nullptr;
    }
    Value sees = n.cast(mask, n.dataType(3), TensorProto::BOOL);
    sees = n.broadcastTo(n.reshape(sees, {shape[0], 1, 1, shape[3]}), shape);
    Value zero = n.constant(scores.getType(), 0);
    return n.add(scores, n.select(sees, zero, hidden));
  }

  NodeBuilder &n;
  DataType type = 0, compute = 0;
  int64_t heads = 0, past = 0;
  Value parts[3];
};

/// Rows `ids` [B, S] of `table`.
Value lookUp(NodeBuilder &n, Value table, Value ids) {
  Shape shape = n.shapeOf(ids);
  int64_t rows = n.shapeOf(table)[0], width = n.shapeOf(table)[1];
  Extents result(shape);
  result.push_back(width);
  return n.generate(
      result, n.elementOf(table), [&](TensorBuilder &b, ArrayRef<Value> at) {
        ArrayBuilder inner{b};
        Value row = arith::IndexCastOp::create(
            b.b, b.loc, b.b.getIndexType(), n.extract(b, ids, at.drop_back()));
        row = arith::MaxSIOp::create(b.b, b.loc, row, inner.index(0));
        row = arith::MinSIOp::create(b.b, b.loc, row, inner.index(rows - 1));
        return n.extract(b, table, {row, at.back()});
      });
}

/// Embeddings of words, positions and segments, and the norm of their sum.
LogicalResult buildEmbedNorm(NodeBuilder &n) {
  for (size_t number : {0, 2, 3, 5, 6})
    if (!n.has(number))
      return n.fail("its input " + Twine(number) + " is missing");
  if (n.has(7))
    return n.fail("a mask of its own is not supported");
  // How many tokens each mask has: none has one.
  n.setOutput(1,
              n.integer(RankedTensorType::get({n.shapeOf(n.operand(0))[0]},
                                              n.b.getI32Type()),
                        0),
              TensorProto::INT32);
  n.ignore("mask_index_type");
  DataType type = n.dataType(2);
  Value ids = n.operand(0);
  Shape shape = n.shapeOf(ids);
  if (shape.size() != 2)
    return n.fail("expected ids of [batch, tokens]");
  for (size_t number : {2, 3, 4})
    if (n.has(number) &&
        (n.rankOf(n.operand(number)) != 2 ||
         n.shapeOf(n.operand(number))[0] == 0 ||
         n.shapeOf(n.operand(number))[1] != n.shapeOf(n.operand(2)).back()))
      return n.fail("its tables do not fit each other");
  if (n.has(1) && failed(n.expectShape(1, shape)))
    return failure();
  if (n.has(8) &&
      n.broadcastShapes({n.shapeOf(n.operand(8)), shape}) != Extents(shape))
    return n.fail("its positions do not fit its ids");
  Value positions;
  if (n.has(8))
    positions = n.broadcastTo(n.operand(8), shape);
  else
    positions = n.generate(shape, n.elementOf(ids),
                           [&](TensorBuilder &b, ArrayRef<Value> at) -> Value {
                             return arith::IndexCastOp::create(
                                 b.b, b.loc, n.elementOf(ids), at[1]);
                           });
  Value sum = n.add(lookUp(n, n.widen(n.operand(2)), ids),
                    lookUp(n, n.widen(n.operand(3)), positions));
  if (n.has(1) && n.has(4))
    sum = n.add(sum, lookUp(n, n.widen(n.operand(4)), n.operand(1)));
  n.setOutput(2, n.narrow(sum, type), type);
  double epsilon = n.getFloat("epsilon", 1e-12);
  return normalizeLast(n, sum, n.input(5), n.input(6), epsilon, type);
}

} // namespace

void sterna::addMicrosoftOps(OpTable &table) {
  table.add(
      "Attention", [](NodeBuilder &n) { return FusedAttention(n).run(); },
      microsoftDomain);
  table.add("EmbedLayerNormalization", buildEmbedNorm, microsoftDomain);
}
