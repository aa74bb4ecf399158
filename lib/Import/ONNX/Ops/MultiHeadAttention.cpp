//===- MultiHeadAttention.cpp - Attention of projected heads --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX Runtime's MultiHeadAttention and GroupQueryAttention: queries, keys and
// values come from products of their own, keys and values follow those of a
// past. Follows docs/ContribOperators.md of that project.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Matrices.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// What both ops are once their heads are [B, H, S, D].
class HeadsAttention {
public:
  explicit HeadsAttention(NodeBuilder &n) : n(n) {
    type = n.dataType(0);
    compute = n.widened(0).type;
  }

protected:
  /// Keys and values behind those of inputs `number` and the next, if there are
  /// any, and as outputs 1 and 2.
  LogicalResult appendToPast(size_t number) {
    if (n.has(number) != n.has(number + 1))
      return n.fail("expected past keys and values together");
    for (size_t which : {0, 1}) {
      Value &now = which == 0 ? key : value;
      if (n.has(number + which)) {
        Extents expected(n.shapeOf(now));
        if (n.rankOf(n.operand(number + which)) == 4)
          expected[2] = n.shapeOf(n.operand(number + which))[2];
        if (failed(n.expectShape(number + which, expected)))
          return failure();
        past = expected[2];
        if (past != 0)
          now = n.concat({n.widen(n.operand(number + which)), now}, 2);
      }
      n.setOutput(1 + which, n.narrow(now, type), type);
    }
    return success();
  }

  /// A token sees those up to itself, `window` of them if that is not negative.
  Value hideOthers(Value scores, int64_t window, double hidden) {
    scores = hideColumns(n, scores, arith::CmpIPredicate::sle, past, 0, hidden);
    if (window >= 0)
      scores = hideColumns(n, scores, arith::CmpIPredicate::sgt, past, -window,
                           hidden);
    return scores;
  }

  /// Scaled scores, with the bias of input `number` if there is one.
  Value scoresOf(size_t number, double softcap) {
    double width = n.shapeOf(query).back();
    double scale = n.getFloat("scale", 0);
    int64_t group = n.shapeOf(query)[1] / n.shapeOf(key)[1];
    Value keys = n.transpose(repeatHeads(n, key, group), {0, 1, 3, 2});
    Value scores = multiplyMatrices(n, {query, compute}, {keys, compute});
    if (!scores)
      return nullptr;
    if (scale == 0)
      scale = 1 / std::sqrt(width);
    scores = n.mul(scores, n.constant(scores.getType(), scale));
    if (softcap != 0) {
      Value cap = n.constant(scores.getType(), softcap);
      scores = n.mul(math::TanhOp::create(n.b, n.loc, n.div(scores, cap)), cap);
    }
    if (!n.has(number))
      return scores;
    auto shape =
        n.broadcastShapes({n.shapeOf(scores), n.shapeOf(n.operand(number))});
    if (!shape || Shape(*shape) != n.shapeOf(scores)) {
      (void)n.fail("its bias does not fit its scores");
      return nullptr;
    }
    return n.add(scores, n.broadcastTo(n.widen(n.operand(number)), *shape));
  }

  LogicalResult finish(Value scores) {
    int64_t group = n.shapeOf(query)[1] / n.shapeOf(value)[1];
    Value weights = softmaxOfScores(n, scores);
    Value result = multiplyMatrices(n, {weights, compute},
                                    {repeatHeads(n, value, group), compute});
    if (!result)
      return failure();
    n.setOutput(0, n.narrow(joinHeads(n, result), type), type);
    return n.hasFailed() ? failure() : success();
  }

  /// Input `number`, [B, S, heads * D], as heads.
  Value headsOf(size_t number, int64_t heads) {
    Value x = n.widen(n.operand(number));
    if (n.rankOf(x) != 3 || heads <= 0 || n.shapeOf(x)[2] % heads != 0) {
      (void)n.fail("expected its input " + Twine(number) +
                   " to be [batch, tokens, heads * width] of " + Twine(heads) +
                   " heads");
      return nullptr;
    }
    return splitHeads(n, x, heads);
  }

  NodeBuilder &n;
  DataType type = 0, compute = 0;
  Value query, key, value;
  int64_t past = 0;
};

class MultiHeadAttention : HeadsAttention {
public:
  using HeadsAttention::HeadsAttention;

  LogicalResult run() {
    if (failed(n.expectInputs(3)) || failed(n.expectSameType({0, 1, 2})))
      return failure();
    int64_t heads = n.getInt("num_heads", 0);
    for (auto [number, part] : {std::pair(0, &query), {1, &key}, {2, &value}}) {
      // Keys and values may come as heads already.
      bool isSplit = number > 0 && n.rankOf(n.operand(number)) == 4;
      *part = isSplit ? n.widen(n.operand(number)) : headsOf(number, heads);
      if (!*part)
        return failure();
    }
    Shape queries = n.shapeOf(query), keys = n.shapeOf(key);
    if (keys[0] != queries[0] || keys[1] != queries[1] ||
        keys[3] != queries[3] ||
        n.shapeOf(value).take_front(3) != keys.take_front(3))
      return n.fail("its queries, keys and values do not fit");
    for (size_t number : {3, 8, 9})
      if (n.has(number))
        return n.fail("its input " + Twine(number) + " is not supported");
    if (failed(appendToPast(6)))
      return failure();
    Value scores = scoresOf(5, 0);
    double hidden = n.getFloat("mask_filter_value", -10000);
    if (scores && n.getInt("unidirectional", 0) != 0)
      scores = hideOthers(scores, -1, hidden);
    if (scores && n.has(4))
      scores = hidePadding(scores, hidden);
    return scores ? finish(scores) : failure();
  }

private:
  /// Input 4 has what of each sample may be seen.
  Value hidePadding(Value scores, double hidden) {
    Shape shape = n.shapeOf(scores);
    if (n.shapeOf(n.operand(4)) != Shape{shape[0], shape[3]}) {
      (void)n.fail("expected a mask of [" + Twine(shape[0]) + ", " +
                   Twine(shape[3]) + "]");
      return nullptr;
    }
    Value sees = n.cast(n.operand(4), n.dataType(4), TensorProto::BOOL);
    sees = n.broadcastTo(n.reshape(sees, {shape[0], 1, 1, shape[3]}), shape);
    return n.select(sees, scores, n.constant(scores.getType(), hidden));
  }
};

class GroupQueryAttention : HeadsAttention {
public:
  using HeadsAttention::HeadsAttention;

  LogicalResult run() {
    if (failed(n.expectInputs(1)) || !n.has(5) || !n.has(6))
      return n.fail("expected inputs seqlens_k and total_sequence_length");
    heads = n.getInt("num_heads", 0);
    kvHeads = n.getInt("kv_num_heads", 0);
    if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0)
      return n.fail("its numbers of heads do not fit");
    for (size_t number : {11, 12, 13})
      if (n.has(number))
        return n.fail("its input " + Twine(number) + " is not supported");
    if (n.getInt("smooth_softmax", 0) > 0)
      return n.fail("smooth softmax is not supported");
    if (failed(readHeads()) || failed(checkLengths()) || failed(rotate()) ||
        failed(appendToPast(3)))
      return failure();
    Value scores = scoresOf(10, n.getFloat("softcap", 0));
    if (!scores)
      return failure();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return finish(
        hideOthers(scores, n.getInt("local_window_size", -1), -infinity));
  }

private:
  LogicalResult readHeads() {
    if (!n.has(1) && !n.has(2)) {
      // Side by side in the first input.
      Value all = headsOf(0, heads + 2 * kvHeads);
      if (!all)
        return failure();
      Extents shape(n.shapeOf(all)), ones(4, 1);
      auto take = [&](int64_t first, int64_t count) {
        Extents part(shape);
        part[1] = count;
        return n.slice(all, {0, first, 0, 0}, part, ones);
      };
      query = take(0, heads);
      key = take(heads, kvHeads);
      value = take(heads + kvHeads, kvHeads);
      return success();
    }
    if (!n.has(1) || !n.has(2) || failed(n.expectSameType({0, 1, 2})))
      return n.fail("expected keys and values together");
    query = headsOf(0, heads);
    key = headsOf(1, kvHeads);
    value = headsOf(2, kvHeads);
    if (!query || !key || !value)
      return failure();
    Shape queries = n.shapeOf(query), keys = n.shapeOf(key);
    if (n.shapeOf(value) != keys || keys[0] != queries[0] ||
        keys[2] != queries[2] || keys[3] != queries[3])
      return n.fail("its queries, keys and values do not fit");
    return success();
  }

  /// All samples are as long as the past and the tokens are.
  LogicalResult checkLengths() {
    if (n.has(3) && n.rankOf(n.operand(3)) == 4)
      before = n.shapeOf(n.operand(3))[2];
    int64_t total = before + n.shapeOf(query)[2];
    auto lengths = n.getIntegers(5, "seqlens_k");
    auto given = n.getInteger(6, "total_sequence_length");
    if (!lengths || !given)
      return failure();
    bool fits =
        *given == total && int64_t(lengths->size()) == n.shapeOf(query)[0] &&
        llvm::all_of(*lengths,
                     [&](int64_t length) { return length + 1 == total; });
    return fits ? success()
                : n.fail("expected samples of " + Twine(total) +
                         " tokens, those of its past among them, without "
                         "padding or a buffer that is shared");
  }

  LogicalResult rotate() {
    n.ignore("do_rotary");
    n.ignoreInput(9); // positions, which follow the past
    if (n.getInt("do_rotary", 0) == 0)
      return success();
    if (!n.has(7) || !n.has(8) || n.rankOf(n.operand(7)) != 2 ||
        n.shapeOf(n.operand(8)) != n.shapeOf(n.operand(7)) ||
        2 * n.shapeOf(n.operand(7))[1] > n.shapeOf(query)[3])
      return n.fail("expected tables of cosines and sines");
    int64_t tokens = n.shapeOf(query)[2], half = n.shapeOf(n.operand(7))[1];
    if (before + tokens > n.shapeOf(n.operand(7))[0])
      return n.fail("its tables of angles end before " +
                    Twine(before + tokens) + " tokens");
    auto take = [&](size_t number) {
      Value rows = n.slice(n.widen(n.operand(number)), {before, 0},
                           {tokens, half}, {1, 1});
      return n.reshape(rows, {1, 1, tokens, half});
    };
    bool isInterleaved = n.getInt("rotary_interleaved", 0) != 0;
    Value cosine = take(7), sine = take(8);
    query = rotateHeads(n, query, cosine, sine, isInterleaved);
    key = rotateHeads(n, key, cosine, sine, isInterleaved);
    return success();
  }

  int64_t heads = 0, kvHeads = 0, before = 0;
};

} // namespace

void sterna::addMultiHeadOps(OpTable &table) {
  table.add(
      "MultiHeadAttention",
      [](NodeBuilder &n) { return MultiHeadAttention(n).run(); },
      microsoftDomain);
  table.add(
      "GroupQueryAttention",
      [](NodeBuilder &n) { return GroupQueryAttention(n).run(); },
      microsoftDomain);
}
