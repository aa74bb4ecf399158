//===- Reduce.cpp - Reductions, softmax, extremes -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that fold a tensor along axes.
//
//===----------------------------------------------------------------------===//

#include "Reduce.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

Value sterna::sumOver(NodeBuilder &n, const Arithmetic &math, Value x,
                      ArrayRef<int64_t> dims) {
  Value zero = n.number(n.elementOf(x), 0);
  return n.reduce(x, dims, zero, [&](TensorBuilder &b, ArrayRef<Value> args) {
    return Arithmetic{b, math.type}.add(args[1], args[0]);
  });
}

Value sterna::extremeOver(NodeBuilder &n, const Arithmetic &math, Value x,
                          ArrayRef<int64_t> dims, bool isMin) {
  Type element = n.elementOf(x);
  // Of booleans: whether all or any are true.
  if (element.isInteger(1)) {
    Value start = n.integer(element, isMin);
    return n.reduce(
        x, dims, start, [&](TensorBuilder &b, ArrayRef<Value> args) -> Value {
          if (isMin)
            return arith::AndIOp::create(b.b, b.loc, args[1], args[0]);
          return arith::OrIOp::create(b.b, b.loc, args[1], args[0]);
        });
  }
  Value start = isMin ? math.highest(element) : math.lowest(element);
  return n.reduce(x, dims, start, [&](TensorBuilder &b, ArrayRef<Value> args) {
    Arithmetic inner{b, math.type};
    return isMin ? inner.min(args[1], args[0]) : inner.max(args[1], args[0]);
  });
}

static Value exp(NodeBuilder &n, Value x) {
  return math::ExpOp::create(n.b, n.loc, x);
}

static Value log(NodeBuilder &n, Value x) {
  return math::LogOp::create(n.b, n.loc, x);
}

Value sterna::buildSoftmax(NodeBuilder &n, Value x, ArrayRef<int64_t> dims,
                           bool isLog) {
  Arithmetic math{n, TensorProto::FLOAT};
  Shape shape = n.shapeOf(x);
  Value most = n.broadcastTo(extremeOver(n, math, x, dims), shape);
  Value moved = math.sub(x, most);
  Value powers = exp(n, moved);
  Value sum = sumOver(n, math, powers, dims);
  if (isLog)
    return math.sub(moved, n.broadcastTo(log(n, sum), shape));
  return math.div(powers, n.broadcastTo(sum, shape));
}

namespace {

enum class Reduction {
  Sum,
  Mean,
  Max,
  Min,
  Prod,
  SumSquare,
  L1,
  L2,
  LogSum,
  LogSumExp
};

Value reduceBy(NodeBuilder &n, const Arithmetic &math, Reduction kind, Value x,
               ArrayRef<int64_t> dims) {
  switch (kind) {
  case Reduction::Sum:
    return sumOver(n, math, x, dims);
  case Reduction::Mean: {
    int64_t count = 1;
    for (int64_t dim : dims)
      count *= n.shapeOf(x)[dim];
    Value sum = sumOver(n, math, x, dims);
    return math.div(sum, n.number(sum.getType(), count));
  }
  case Reduction::Max:
  case Reduction::Min:
    return extremeOver(n, math, x, dims, kind == Reduction::Min);
  case Reduction::Prod:
    return n.reduce(x, dims, n.number(n.elementOf(x), 1),
                    [&](TensorBuilder &b, ArrayRef<Value> args) {
                      return Arithmetic{b, math.type}.mul(args[1], args[0]);
                    });
  case Reduction::SumSquare:
    return sumOver(n, math, math.mul(x, x), dims);
  case Reduction::L1:
    return sumOver(n, math, math.abs(x), dims);
  case Reduction::L2:
    return n.sqrt(sumOver(n, math, math.mul(x, x), dims));
  case Reduction::LogSum:
    return log(n, sumOver(n, math, x, dims));
  case Reduction::LogSumExp: {
    Value most = extremeOver(n, math, x, dims);
    // An infinite maximum would make the difference a NaN.
    Value zero = n.number(most.getType(), 0);
    Value isFinite = n.compare(
        arith::CmpFPredicate::OLT, math.abs(most),
        n.constant(most.getType(), std::numeric_limits<double>::infinity()));
    Value shift = n.select(isFinite, most, zero);
    Value moved = math.sub(x, n.broadcastTo(shift, n.shapeOf(x)));
    return math.add(log(n, sumOver(n, math, exp(n, moved), dims)), shift);
  }
  }
  return nullptr;
}

void addReduction(OpTable &table, StringRef name, Reduction kind) {
  table.add(name, [kind](NodeBuilder &n) -> LogicalResult {
    if (failed(n.expectInputs(1)))
      return failure();
    bool isExtreme = kind == Reduction::Max || kind == Reduction::Min;
    if (!isExtreme && failed(n.expectNumbers({0})))
      return failure();
    bool keep = n.getInt("keepdims", 1) != 0;
    bool noop = n.getInt("noop_with_empty_axes", 0) != 0;
    DataType type = n.dataType(0);
    GraphValue x = n.widened(0);
    int64_t rank = n.rankOf(x.value);
    bool areGiven = false;
    auto axes = n.getAxes(1, rank, areGiven);
    if (!axes)
      return failure();
    if (axes->empty() && !noop)
      axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    bool takesFloats = kind == Reduction::L2 || kind == Reduction::LogSum ||
                       kind == Reduction::LogSumExp;
    DataType compute = x.type;
    if (takesFloats && !isFloat(type)) {
      compute = TensorProto::DOUBLE;
      x.value = n.cast(x.value, type, compute);
    }
    Value result = reduceBy(n, Arithmetic{n, compute}, kind, x.value, *axes);
    if (!keep) {
      SmallVector<int64_t> shape;
      for (auto [dim, extent] : llvm::enumerate(n.shapeOf(result)))
        if (!llvm::is_contained(*axes, int64_t(dim)))
          shape.push_back(extent);
      result = n.reshape(result, shape);
    }
    return n.finish(n.cast(result, compute, type), type);
  });
}

/// Softmax of the dimensions from `axis` on before version 13, of `axis` alone
/// since.
LogicalResult buildSoftmaxOp(NodeBuilder &n, bool isLog) {
  if (failed(n.expectInputs(1)))
    return failure();
  DataType type = n.dataType(0);
  GraphValue x = n.widened(0);
  int64_t rank = n.rankOf(x.value);
  bool isOld = n.getVersion() < 13;
  auto axis = n.toAxis(n.getInt("axis", isOld ? 1 : -1), rank);
  if (!axis)
    return failure();
  SmallVector<int64_t> dims{*axis};
  for (int64_t dim = *axis + 1; isOld && dim < rank; ++dim)
    dims.push_back(dim);
  Value result = buildSoftmax(n, x.value, dims, isLog);
  return n.finish(n.narrow(result, type), type);
}

/// The place of the extreme element along an axis: the first or the last.
LogicalResult buildArgExtreme(NodeBuilder &n, bool isMin) {
  if (failed(n.expectInputs(1)) || failed(n.expectNumbers({0})))
    return failure();
  GraphValue x = n.widened(0);
  auto axis = n.toAxis(n.getInt("axis", 0), n.rankOf(x.value));
  if (!axis)
    return failure();
  bool keep = n.getInt("keepdims", 1) != 0;
  bool isLast = n.getInt("select_last_index", 0) != 0;
  Arithmetic math{n, x.type};
  Shape shape = n.shapeOf(x.value);
  Value best =
      n.broadcastTo(extremeOver(n, math, x.value, *axis, isMin), shape);
  Value places = n.generate(
      shape, n.b.getI64Type(), [&](TensorBuilder &b, ArrayRef<Value> at) {
        return arith::IndexCastOp::create(b.b, b.loc, b.b.getI64Type(),
                                          at[*axis])
            .getResult();
      });
  // Places of other elements are out of the way.
  Value away = n.integer(places.getType(), isLast ? -1 : shape[*axis]);
  Value isBest =
      math.isFloating() ? n.same(x.value, best) : math.equal(x.value, best);
  Value chosen = n.select(isBest, places, away);
  Arithmetic integers{n, TensorProto::INT64};
  Value result = extremeOver(n, integers, chosen, *axis, !isLast);
  if (!keep) {
    SmallVector<int64_t> flat(n.shapeOf(result));
    flat.erase(flat.begin() + *axis);
    result = n.reshape(result, flat);
  }
  return n.finish(result, TensorProto::INT64);
}

} // namespace

void sterna::addReduceOps(OpTable &table) {
  addReduction(table, "ReduceSum", Reduction::Sum);
  addReduction(table, "ReduceMean", Reduction::Mean);
  addReduction(table, "ReduceMax", Reduction::Max);
  addReduction(table, "ReduceMin", Reduction::Min);
  addReduction(table, "ReduceProd", Reduction::Prod);
  addReduction(table, "ReduceSumSquare", Reduction::SumSquare);
  addReduction(table, "ReduceL1", Reduction::L1);
  addReduction(table, "ReduceL2", Reduction::L2);
  addReduction(table, "ReduceLogSum", Reduction::LogSum);
  addReduction(table, "ReduceLogSumExp", Reduction::LogSumExp);
  table.add("Softmax", [](NodeBuilder &n) { return buildSoftmaxOp(n, false); });
  table.add("LogSoftmax",
            [](NodeBuilder &n) { return buildSoftmaxOp(n, true); });
  table.add("ArgMax", [](NodeBuilder &n) { return buildArgExtreme(n, false); });
  table.add("ArgMin", [](NodeBuilder &n) { return buildArgExtreme(n, true); });
}
