//===- Attention.cpp - Attention and rotary embedding ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The standard's composites of attention, as products and a softmax, so that
// masks of any kind are honoured.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"

#include "Matrices.h"
#include "Reduce.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

Value sterna::splitHeads(NodeBuilder &n, Value x, int64_t heads) {
  Shape shape = n.shapeOf(x);
  Value split = n.reshape(x, {shape[0], shape[1], heads, shape[2] / heads});
  return n.transpose(split, {0, 2, 1, 3});
}

Value sterna::joinHeads(NodeBuilder &n, Value x) {
  Value y = n.transpose(x, {0, 2, 1, 3});
  Shape shape = n.shapeOf(y);
  return n.reshape(y, {shape[0], shape[1], shape[2] * shape[3]});
}

Value sterna::softmaxOfScores(NodeBuilder &n, Value scores) {
  int64_t last = n.rankOf(scores) - 1;
  Shape shape = n.shapeOf(scores);
  Arithmetic math{n, TensorProto::FLOAT};
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value most = extremeOver(n, math, scores, {last});
  Value isNone = n.compare(arith::CmpFPredicate::OEQ, most,
                           n.constant(most.getType(), -infinity));
  Value shift = n.select(isNone, n.constant(most.getType(), 0), most);
  Value powers = math::ExpOp::create(
      n.b, n.loc, n.sub(scores, n.broadcastTo(shift, shape)));
  Value sum = sumOver(n, math, powers, {last});
  sum = n.select(isNone, n.constant(sum.getType(), 1), sum);
  return n.div(powers, n.broadcastTo(sum, shape));
}

Value sterna::repeatHeads(NodeBuilder &n, Value x, int64_t times) {
  if (times == 1)
    return x;
  Shape shape = n.shapeOf(x);
  Value spread =
      n.broadcastTo(n.reshape(x, {shape[0], shape[1], 1, shape[2], shape[3]}),
                    {shape[0], shape[1], times, shape[2], shape[3]});
  return n.reshape(spread, {shape[0], shape[1] * times, shape[2], shape[3]});
}

Value sterna::hideColumns(NodeBuilder &n, Value scores,
                          arith::CmpIPredicate keeps, int64_t past,
                          int64_t distance, double hidden) {
  Value sees = n.generate(n.shapeOf(scores), n.b.getI1Type(),
                          [&](TensorBuilder &b, ArrayRef<Value> at) {
                            Value bound = arith::AddIOp::create(
                                b.b, b.loc, at[2],
                                ArrayBuilder{b}.index(past + distance));
                            return b.compare(keeps, at[3], bound);
                          });
  return n.select(sees, scores, n.constant(scores.getType(), hidden));
}

Value sterna::rotateHeads(NodeBuilder &n, Value x, Value cosine, Value sine,
                          bool isInterleaved) {
  Extents shape(n.shapeOf(x));
  int64_t width = shape[3], half = n.shapeOf(cosine).back();
  Extents part{shape[0], shape[1], shape[2], half}, ones(4, 1), zeros(4, 0);
  Extents strides{1, 1, 1, isInterleaved ? 2 : 1};
  Extents second(zeros);
  second[3] = isInterleaved ? 1 : half;
  Value first = n.slice(x, zeros, part, strides);
  Value other = n.slice(x, second, part, strides);
  Value c = n.broadcastTo(cosine, part), s = n.broadcastTo(sine, part);
  Value real = n.sub(n.mul(first, c), n.mul(other, s));
  Value imaginary = n.add(n.mul(first, s), n.mul(other, c));
  Value result;
  if (isInterleaved) {
    Extents pair(part), both(part);
    pair.push_back(1);
    both.back() = 2 * half;
    result = n.reshape(
        n.concat({n.reshape(real, pair), n.reshape(imaginary, pair)}, 4), both);
  } else {
    result = n.concat({real, imaginary}, 3);
  }
  if (2 * half == width)
    return result;
  Extents from(zeros), rest(shape);
  from[3] = 2 * half;
  rest[3] = width - 2 * half;
  return n.concat({result, n.slice(x, from, rest, ones)}, 3);
}

namespace {

/// The standard's op, of opset 23 on.
class StandardAttention {
public:
  explicit StandardAttention(NodeBuilder &n) : n(n) {}

  LogicalResult run() {
    if (failed(n.expectInputs(3)) || failed(readHeads()))
      return failure();
    appendToPast();
    Value scores = scoresOf();
    if (!scores)
      return failure();
    Value weights = softmaxOfScores(n, scores);
    emitScores(3, weights);
    Value values = repeatHeads(n, value, heads / kvHeads);
    Value result = multiplyMatrices(n, {weights, compute}, {values, compute});
    if (!result)
      return failure();
    if (isFlat)
      result = joinHeads(n, result);
    n.setOutput(0, n.narrow(result, type), type);
    return n.hasFailed() ? failure() : success();
  }

private:
  LogicalResult readHeads() {
    type = n.dataType(0);
    GraphValue q = n.widened(0);
    compute = q.type;
    query = q.value;
    key = n.widen(n.operand(1));
    value = n.widen(n.operand(2));
    heads = n.getInt("q_num_heads", 0);
    kvHeads = n.getInt("kv_num_heads", 0);
    mode = n.getInt("qk_matmul_output_mode", 0);
    n.ignore("softmax_precision"); // f32, or f64 of f64
    isFlat = n.rankOf(query) == 3;
    for (Value *x : {&query, &key, &value}) {
      if (n.rankOf(*x) != (isFlat ? 3 : 4))
        return n.fail("expected queries, keys and values of 3 or 4 dimensions");
      int64_t count = x == &query ? heads : kvHeads;
      if (!isFlat)
        continue;
      if (count <= 0 || n.shapeOf(*x)[2] % count != 0)
        return n.fail("its numbers of heads do not fit its inputs");
      *x = splitHeads(n, *x, count);
    }
    heads = n.shapeOf(query)[1];
    kvHeads = n.shapeOf(key)[1];
    if (kvHeads == 0 || heads % kvHeads != 0 || n.shapeOf(value)[1] != kvHeads)
      return n.fail("its numbers of heads do not fit its inputs");
    return checkShapes();
  }

  LogicalResult checkShapes() {
    int64_t batch = n.shapeOf(query)[0];
    if (n.shapeOf(key)[0] != batch || n.shapeOf(value)[0] != batch ||
        n.shapeOf(key)[2] != n.shapeOf(value)[2] ||
        n.shapeOf(key)[3] != n.shapeOf(query)[3])
      return n.fail("its queries, keys and values do not fit");
    if (mode < 0 || mode > 3)
      return n.fail("expected a qk_matmul_output_mode of 0 to 3");
    if (n.has(4) != n.has(5))
      return n.fail("expected past keys and values together");
    for (size_t number : {4, 5}) {
      if (!n.has(number))
        continue;
      Extents expected(n.shapeOf(number == 4 ? key : value));
      if (n.rankOf(n.operand(number)) == 4)
        expected[2] = n.shapeOf(n.operand(number))[2];
      if (failed(n.expectShape(number, expected)))
        return failure();
    }
    if (n.has(6) && failed(n.expectShape(6, {batch})))
      return failure();
    return n.expectSameType({0, 1});
  }

  void appendToPast() {
    if (n.has(4)) {
      past = n.shapeOf(n.operand(4))[2];
      key = n.concat({n.widen(n.operand(4)), key}, 2);
    }
    if (n.has(5))
      value = n.concat({n.widen(n.operand(5)), value}, 2);
    n.setOutput(1, n.narrow(key, type), type);
    n.setOutput(2, n.narrow(value, type), type);
  }

  void emitScores(int64_t which, Value scores) {
    if (n.wants(3) && mode == which)
      n.setOutput(3, n.narrow(scores, type), type);
  }

  Value scoresOf() {
    double width = n.shapeOf(query).back();
    double scale = n.getFloat("scale", 1 / std::sqrt(width));
    if (!(scale >= 0)) {
      (void)n.fail("expected a scale that is not negative");
      return nullptr;
    }
    double cap = n.getFloat("softcap", 0);
    // Both sides by the root, as the standard has it.
    Value root = n.constant(query.getType(), std::sqrt(scale));
    Value q = n.mul(query, root);
    Value k = n.transpose(repeatHeads(n, key, heads / kvHeads), {0, 1, 3, 2});
    k = n.mul(k, n.constant(k.getType(), std::sqrt(scale)));
    Value scores = multiplyMatrices(n, {q, compute}, {k, compute});
    if (!scores)
      return nullptr;
    emitScores(0, scores);
    auto capped = [&](Value x) -> Value {
      if (cap == 0)
        return x;
      Value limit = n.constant(x.getType(), cap);
      Value bent = math::TanhOp::create(n.b, n.loc, n.div(x, limit));
      return n.mul(bent, limit);
    };
    scores = capped(scores);
    emitScores(1, scores);
    scores = masked(scores);
    if (scores)
      emitScores(2, scores);
    return scores;
  }

  /// In a body over the scores: the keys of this row's sample.
  Value lengthOf(TensorBuilder &b, ArrayRef<Value> at) {
    return arith::IndexCastOp::create(b.b, b.loc, b.b.getIndexType(),
                                      n.extract(b, n.operand(6), {at[0]}));
  }

  /// In a body over the scores: the key at which the row's token stands, behind
  /// the past or as the last ones of those that there are.
  Value positionOf(TensorBuilder &b, ArrayRef<Value> at, int64_t tokens) {
    ArrayBuilder inner{b};
    Value before = inner.index(past);
    if (n.has(6) && !n.has(4))
      before = arith::SubIOp::create(b.b, b.loc, lengthOf(b, at),
                                     inner.index(tokens));
    return arith::AddIOp::create(b.b, b.loc, at[2], before);
  }

  Value masked(Value scores) {
    Shape shape = n.shapeOf(scores);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Value hidden = n.constant(scores.getType(), -infinity);
    bool isCausal = n.getInt("is_causal", 0) != 0;
    int64_t left = n.getInt("left_window_size", -1);
    int64_t right = n.getInt("right_window_size", -1);
    if (isCausal)
      right = 0;
    auto hide = [&](arith::CmpIPredicate predicate, int64_t distance) {
      Value sees = n.generate(
          shape, n.b.getI1Type(), [&](TensorBuilder &b, ArrayRef<Value> at) {
            Value bound =
                arith::AddIOp::create(b.b, b.loc, positionOf(b, at, shape[2]),
                                      ArrayBuilder{b}.index(distance));
            return b.compare(predicate, at[3], bound);
          });
      scores = n.select(sees, scores, hidden);
    };
    if (right >= 0)
      hide(arith::CmpIPredicate::sle, right);
    if (left >= 0)
      hide(arith::CmpIPredicate::sge, -left);
    if (n.has(6)) {
      Value sees = n.generate(
          shape, n.b.getI1Type(), [&](TensorBuilder &b, ArrayRef<Value> at) {
            return b.compare(arith::CmpIPredicate::slt, at[3], lengthOf(b, at));
          });
      scores = n.select(sees, scores, hidden);
    }
    return n.has(3) ? addMask(scores, hidden) : scores;
  }

  /// A mask of fewer columns hides the rest.
  Value addMask(Value scores, Value hidden) {
    Shape shape = n.shapeOf(scores);
    GraphValue mask = n.widened(3);
    bool isBool = mask.type == TensorProto::BOOL;
    Extents own(n.shapeOf(mask.value));
    int64_t columns = own.empty() ? 0 : own.back();
    if (columns != shape[3] && columns != 1 && columns < shape[3]) {
      Extents whole(own), zeros(own.size(), 0), ones(own.size(), 1);
      whole.back() = shape[3];
      auto type = typeOf(mask.value).clone(whole);
      constexpr double infinity = std::numeric_limits<double>::infinity();
      Value rest = isBool ? n.integer(type, 0) : n.constant(type, -infinity);
      mask.value = tensor::InsertSliceOp::create(
          n.b, n.loc, type, mask.value, rest, ValueRange(), ValueRange(),
          ValueRange(), zeros, own, ones);
    }
    auto common = n.broadcastShapes({shape, n.shapeOf(mask.value)});
    if (!common || Shape(*common) != shape) {
      (void)n.fail("its mask does not fit the scores");
      return nullptr;
    }
    Value spread = n.broadcastTo(mask.value, shape);
    return isBool ? n.select(spread, scores, hidden) : n.add(scores, spread);
  }

  NodeBuilder &n;
  Value query, key, value;
  DataType type = 0, compute = 0;
  int64_t heads = 0, kvHeads = 0, past = 0, mode = 0;
  bool isFlat = false;
};

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

/// Inputs of the standard's op and of ONNX Runtime's stand in another order.
struct RotaryInputs {
  size_t cosine, sine, positions;
};

LogicalResult buildRotary(NodeBuilder &n, RotaryInputs at) {
  if (failed(n.expectInputs(std::max(at.cosine, at.sine) + 1)) ||
      failed(n.expectSameType({0, at.cosine, at.sine})))
    return failure();
  DataType type = n.dataType(0);
  Value x = n.widen(n.operand(0));
  Value cosine = n.widen(n.operand(at.cosine)),
        sine = n.widen(n.operand(at.sine));
  bool isInterleaved = n.getInt("interleaved", 0) != 0;
  int64_t rotated = n.getInt("rotary_embedding_dim", 0);
  int64_t heads = n.getInt("num_heads", 0);
  if (n.getInt("is_packed_batching", 0) != 0)
    return n.fail("packed batches are not supported");
  n.ignore("scale");
  bool isFlat = n.rankOf(x) == 3;
  bool hasPositions = n.has(at.positions);
  int64_t tableRank = hasPositions ? 2 : 3;
  if (n.rankOf(cosine) != tableRank || n.rankOf(sine) != tableRank ||
      n.shapeOf(cosine).back() == 0 || n.shapeOf(cosine)[0] == 0)
    return n.fail("expected tables of " + Twine(tableRank) + " dimensions");
  if (isFlat) {
    int64_t width = n.shapeOf(x)[2];
    if (heads == 0 && rotated == 0)
      heads = width / (2 * n.shapeOf(cosine).back());
    if (heads <= 0 || width % heads != 0)
      return n.fail("its number of heads does not fit its input");
    x = splitHeads(n, x, heads);
  }
  if (n.rankOf(x) != 4)
    return n.fail("expected 3 or 4 dimensions");
  Extents shape(n.shapeOf(x));
  int64_t batch = shape[0], tokens = shape[2], width = shape[3];
  int64_t half = (rotated ? rotated : width) / 2;
  if (half <= 0 || 2 * half > width || n.shapeOf(cosine).back() != half ||
      n.shapeOf(sine) != n.shapeOf(cosine))
    return n.fail("its tables do not fit the width of heads");
  if (!hasPositions && failed(n.expectShape(at.cosine, {batch, tokens, half})))
    return failure();
  if (hasPositions && typeOf(n.operand(at.positions)).getNumElements() != 1 &&
      failed(n.expectShape(at.positions, {batch, tokens})))
    return failure();
  // An angle for each token: [B, 1, S, half].
  auto angles = [&](Value table) -> Value {
    if (!n.has(at.positions))
      return n.rankOf(table) == 3 ? n.reshape(table, {batch, 1, tokens, half})
                                  : Value();
    Value positions = n.operand(at.positions);
    bool isOne = typeOf(positions).getNumElements() == 1 && tokens != 1;
    int64_t rows = n.shapeOf(table)[0];
    return n.generate(
        {batch, 1, tokens, half}, n.elementOf(table),
        [&](TensorBuilder &b, ArrayRef<Value> place) {
          ArrayBuilder inner{b};
          bool isMatrix = n.rankOf(positions) == 2;
          SmallVector<Value> from;
          if (isMatrix)
            from = {isOne ? inner.index(0) : place[0],
                    isOne ? inner.index(0) : place[2]};
          else
            from = {inner.index(0)};
          Value position = arith::IndexCastOp::create(
              b.b, b.loc, b.b.getIndexType(), n.extract(b, positions, from));
          if (isOne || !isMatrix)
            position = arith::AddIOp::create(b.b, b.loc, position, place[2]);
          position =
              arith::MaxSIOp::create(b.b, b.loc, position, inner.index(0));
          position = arith::MinSIOp::create(b.b, b.loc, position,
                                            inner.index(rows - 1));
          return n.extract(b, table, {position, place[3]});
        });
  };
  Value c = angles(cosine), s = angles(sine);
  if (!c || !s)
    return n.fail("without positions its tables have an angle for each token");
  Value result = rotateHeads(n, x, c, s, isInterleaved);
  if (isFlat)
    result = joinHeads(n, result);
  return n.finish(n.narrow(result, type), type);
}

} // namespace

void sterna::addAttentionOps(OpTable &table) {
  table.add("Attention",
            [](NodeBuilder &n) { return StandardAttention(n).run(); });
  table.add("RotaryEmbedding",
            [](NodeBuilder &n) { return buildRotary(n, {1, 2, 3}); });
  table.add(
      "RotaryEmbedding",
      [](NodeBuilder &n) { return buildRotary(n, {2, 3, 1}); },
      microsoftDomain);
}
