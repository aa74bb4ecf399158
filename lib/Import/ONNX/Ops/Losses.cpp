//===- Losses.cpp - Losses of labels --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The standard's losses of classes [N, C, D1, ...] against labels [N, D1, ...].
//
//===----------------------------------------------------------------------===//

#include "Reduce.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

class LossBuilder {
public:
  explicit LossBuilder(NodeBuilder &n) : n(n) {}

  LogicalResult run(bool takesScores) {
    if (failed(n.expectInputs(2)) || failed(readInputs()))
      return failure();
    if (takesScores) {
      logits = buildSoftmax(n, logits, {1}, /*isLog=*/true);
      n.setOutput(1, n.narrow(logits, type), type);
    }
    Value weights = pickWeights();
    Value losses = n.mul(n.neg(pick(logits, classMap())), weights);
    losses = n.select(
        areClasses(), losses,
        n.constant(losses.getType(), std::numeric_limits<double>::quiet_NaN()));
    if (reduction == "none")
      return n.finish(n.narrow(losses, type), type);
    Value loss = sumAll(losses);
    if (reduction == "mean")
      loss = n.div(loss, sumAll(weights));
    return n.finish(n.narrow(loss, type), type);
  }

private:
  LogicalResult readInputs() {
    type = n.dataType(0);
    GraphValue x = n.widened(0);
    logits = x.value;
    labels = n.cast(n.operand(1), n.dataType(1), TensorProto::INT64);
    reduction = n.getString("reduction", "mean");
    ignored = n.findInt("ignore_index");
    Extents expected(n.shapeOf(logits));
    if (expected.size() < 2 || !isFloat(type))
      return n.fail("expected floats of 2 dimensions or more");
    expected.erase(expected.begin() + 1);
    if (n.shapeOf(labels) != Shape(expected))
      return n.fail("its labels do not fit its classes");
    if (n.has(2) && n.shapeOf(n.operand(2)) != Shape{classes()})
      return n.fail("expected a weight for each class");
    if (reduction != "none" && reduction != "sum" && reduction != "mean")
      return n.fail("unknown reduction '" + reduction + "'");
    return success();
  }

  int64_t classes() const { return n.shapeOf(logits)[1]; }
  int64_t labelRank() const { return n.rankOf(labels); }

  /// Loops over the labels, then over the classes: a read of [N, C, D1, ...].
  AffineMap classMap() const {
    SmallVector<AffineExpr> reads;
    for (int64_t dim = 0; dim < labelRank(); ++dim)
      reads.push_back(n.b.getAffineDimExpr(dim));
    reads.insert(reads.begin() + 1, n.b.getAffineDimExpr(labelRank()));
    return AffineMap::get(labelRank() + 1, 0, reads, n.b.getContext());
  }

  /// For each label the element of its class, read by `map`; 0 of no class. As
  /// a sum of one, which has a gradient.
  Value pick(Value values, AffineMap map) {
    auto type = typeOf(labels).clone(n.elementOf(values));
    int64_t rank = labelRank();
    return n.fold(
        {values, labels}, {map, n.leadingLoops(rank, rank + 1)}, {classes()},
        n.constant(type, 0), [&](TensorBuilder &b, ArrayRef<Value> args) {
          Value place = arith::IndexCastOp::create(b.b, b.loc, b.b.getI64Type(),
                                                   n.place(b, rank));
          Value isIt = b.compare(arith::CmpIPredicate::eq, args[1], place);
          Value zero = b.constant(args[0].getType(), 0);
          return b.add(args[2], b.select(isIt, args[0], zero));
        });
  }

  /// Whether each label is a class or does not count. The loss of another is no
  /// number, as an error of a kernel is none.
  Value areClasses() {
    auto is = [&](arith::CmpIPredicate predicate, int64_t value) {
      return n.compare(predicate, labels, n.integer(labels.getType(), value));
    };
    Value valid =
        arith::AndIOp::create(n.b, n.loc, is(arith::CmpIPredicate::sge, 0),
                              is(arith::CmpIPredicate::slt, classes()));
    if (ignored)
      valid = arith::OrIOp::create(n.b, n.loc, valid,
                                   is(arith::CmpIPredicate::eq, *ignored));
    return valid;
  }

  /// The weight of each label, 0 of those that do not count.
  Value pickWeights() {
    auto shape = typeOf(labels).clone(n.elementOf(logits));
    Value weights = n.constant(shape, 1);
    if (n.has(2)) {
      int64_t rank = labelRank();
      AffineMap map = AffineMap::get(rank + 1, 0, {n.b.getAffineDimExpr(rank)},
                                     n.b.getContext());
      weights = pick(n.widen(n.operand(2)), map);
    }
    if (!ignored)
      return weights;
    Value isIgnored = n.compare(arith::CmpIPredicate::eq, labels,
                                n.integer(labels.getType(), *ignored));
    return n.select(isIgnored, n.constant(shape, 0), weights);
  }

  Value sumAll(Value x) {
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, n.rankOf(x)));
    Value sum = sumOver(n, {n, TensorProto::FLOAT}, x, dims);
    return n.reshape(sum, {});
  }

  NodeBuilder &n;
  DataType type = 0;
  Value logits, labels;
  std::string reduction;
  std::optional<int64_t> ignored;
};

} // namespace

void sterna::addLossOps(OpTable &table) {
  table.add("NegativeLogLikelihoodLoss",
            [](NodeBuilder &n) { return LossBuilder(n).run(false); });
  table.add("SoftmaxCrossEntropyLoss",
            [](NodeBuilder &n) { return LossBuilder(n).run(true); });
}
