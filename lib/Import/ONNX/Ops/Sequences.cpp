//===- Sequences.cpp - Ranges, running sums, order ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops along an axis whose elements depend on those before: each element is
// computed from all, so that there is no order to wait for.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

constexpr int64_t maxRange = int64_t(1) << 31;

LogicalResult buildRange(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  DataType type = n.dataType(0);
  if (failed(n.expectNumbers({0, 1, 2})))
    return failure();
  double numbers[3];
  int64_t integers[3] = {};
  for (size_t number = 0; number < 3; ++number) {
    DenseElementsAttr elements = n.findElements(number);
    if (!elements || elements.getNumElements() != 1)
      return n.getIntegers(number, "bounds") ? n.fail("expected one number")
                                             : failure();
    if (isFloat(type)) {
      auto value = cast<FloatAttr>(*elements.getValues<Attribute>().begin());
      numbers[number] = value.getValueAsDouble();
      continue;
    }
    integers[number] = n.getIntegers(number, "bounds")->front();
    numbers[number] = double(integers[number]);
  }
  double start = numbers[0], delta = numbers[2];
  double steps = std::ceil((numbers[1] - start) / delta);
  if (!(std::abs(steps) < maxRange))
    return n.fail("its length is absurd");
  int64_t count = std::max<int64_t>(int64_t(steps), 0);
  // Integers beyond 2^53 are no doubles.
  if (!isFloat(type)) {
    int64_t length = 0, by = integers[2];
    if (by == INT64_MIN || llvm::SubOverflow(integers[1], integers[0], length))
      return n.fail("its length is absurd");
    if (by < 0) {
      by = -by;
      length = -length;
    }
    count = length <= 0 ? 0 : (length - 1) / by + 1;
  }
  Type element = getElementType(n.b.getContext(), type);
  if (count == 0)
    return n.finish(n.empty(RankedTensorType::get({0}, element)), type);
  Type wide = isFloat(type) && !element.isF64() ? n.b.getF32Type() : element;
  Value result = n.generate(
      {count}, wide, [&](TensorBuilder &b, ArrayRef<Value> at) -> Value {
        ArrayBuilder inner{b};
        Value place =
            arith::IndexCastOp::create(b.b, b.loc, b.b.getI64Type(), at[0]);
        Value x;
        if (isa<FloatType>(wide))
          x = arith::SIToFPOp::create(b.b, b.loc, wide, place);
        else if (wide.isInteger(64))
          x = place;
        else
          x = arith::TruncIOp::create(b.b, b.loc, wide, place);
        DataType compute = isFloat(type) ? TensorProto::FLOAT : type;
        Arithmetic math{b, compute};
        if (!isFloat(type))
          return math.add(inner.integer(wide, integers[0]),
                          math.mul(x, inner.integer(wide, integers[2])));
        return math.add(inner.number(wide, start),
                        math.mul(x, inner.number(wide, delta)));
      });
  return n.finish(n.narrow(result, type), type);
}

/// The loops over all elements and, behind them, over those along `axis`: a map
/// to the second.
AffineMap along(NodeBuilder &n, int64_t rank, int64_t axis) {
  SmallVector<AffineExpr> reads;
  for (int64_t dim = 0; dim < rank; ++dim)
    reads.push_back(n.b.getAffineDimExpr(dim == axis ? rank : dim));
  return AffineMap::get(rank + 1, 0, reads, n.b.getContext());
}

/// Running sums of known integers: masks that exporters compute from positions
/// have one for each token, and loops over all pairs of them are many.
Value sumIntegers(NodeBuilder &n, DenseElementsAttr elements, int64_t axis,
                  bool isExclusive, bool isReverse) {
  Shape shape = n.shapeOf(n.operand(0));
  int64_t extent = shape[axis];
  int64_t inner = llvm::product_of(shape.drop_front(axis + 1));
  SmallVector<APInt> values(elements.getValues<APInt>()), sums(values);
  for (int64_t first = 0; first < int64_t(values.size()); ++first) {
    if (first / inner % extent != 0)
      continue;
    APInt sum(values[0].getBitWidth(), 0);
    for (int64_t step = 0; step < extent; ++step) {
      int64_t place = first + (isReverse ? extent - 1 - step : step) * inner;
      APInt next = sum + values[place];
      sums[place] = isExclusive ? sum : next;
      sum = next;
    }
  }
  return arith::ConstantOp::create(
      n.b, n.loc, DenseElementsAttr::get(elements.getType(), sums));
}

LogicalResult buildCumulative(NodeBuilder &n, bool isProduct) {
  if (failed(n.expectInputs(2)))
    return failure();
  if (failed(n.expectNumbers({0})))
    return failure();
  auto given = n.getInteger(1, "axis");
  DataType type = n.dataType(0);
  GraphValue x = n.widened(0);
  int64_t rank = n.rankOf(x.value);
  auto axis = given ? n.toAxis(*given, rank) : std::nullopt;
  if (!axis)
    return failure();
  bool isExclusive = n.getInt("exclusive", 0) != 0;
  bool isReverse = n.getInt("reverse", 0) != 0;
  Value start = n.number(x.value.getType(), isProduct ? 1 : 0);
  if (typeOf(x.value).getNumElements() == 0)
    return n.finish(n.operand(0), type);
  if (DenseElementsAttr elements = n.findElements(0);
      elements && isInteger(type) && !isProduct)
    return n.finish(sumIntegers(n, elements, *axis, isExclusive, isReverse),
                    type);
  auto predicate = isReverse ? (isExclusive ? arith::CmpIPredicate::sgt
                                            : arith::CmpIPredicate::sge)
                             : (isExclusive ? arith::CmpIPredicate::slt
                                            : arith::CmpIPredicate::sle);
  Value result =
      n.fold({x.value}, {along(n, rank, *axis)}, {n.shapeOf(x.value)[*axis]},
             start, [&](TensorBuilder &b, ArrayRef<Value> args) {
               Arithmetic math{b, x.type};
               Value next = isProduct ? math.mul(args[1], args[0])
                                      : math.add(args[1], args[0]);
               Value counts =
                   b.compare(predicate, n.place(b, rank), n.place(b, *axis));
               return b.select(counts, next, args[1]);
             });
  return n.finish(n.narrow(result, type), type);
}

/// The rank of each element along `axis`: how many come before it.
Value rankElements(NodeBuilder &n, GraphValue x, int64_t axis, bool isLargest) {
  int64_t rank = n.rankOf(x.value);
  Shape shape = n.shapeOf(x.value);
  auto counts = RankedTensorType::get(shape, n.b.getI64Type());
  return n.fold({x.value, x.value},
                {n.leadingLoops(rank, rank + 1), along(n, rank, axis)},
                {shape[axis]}, n.integer(counts, 0),
                [&](TensorBuilder &b, ArrayRef<Value> args) -> Value {
                  Arithmetic math{b, x.type};
                  Value before = isLargest ? math.less(args[0], args[1])
                                           : math.less(args[1], args[0]);
                  // Of equal ones the earlier comes first.
                  Value isEarlier =
                      b.compare(arith::CmpIPredicate::slt, n.place(b, rank),
                                n.place(b, axis));
                  Value ties = arith::AndIOp::create(
                      b.b, b.loc, math.equal(args[0], args[1]), isEarlier);
                  Value counts = arith::OrIOp::create(b.b, b.loc, before, ties);
                  Value one = arith::ExtUIOp::create(b.b, b.loc,
                                                     b.b.getI64Type(), counts);
                  return arith::AddIOp::create(b.b, b.loc, args[2], one);
                });
}

LogicalResult buildTopK(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  auto k = n.getInteger(1, "number k");
  GraphValue x = n.widened(0);
  Shape shape = n.shapeOf(x.value);
  auto axis = n.toAxis(n.getInt("axis", -1), shape.size());
  bool isLargest = n.getInt("largest", 1) != 0;
  n.ignore("sorted"); // they are
  if (!k || !axis)
    return failure();
  if (*k < 0 || *k > shape[*axis])
    return n.fail("expected a k of at most " + Twine(shape[*axis]) +
                  ", but got " + Twine(*k));
  int64_t rank = shape.size();
  Extents result(shape);
  result[*axis] = *k;
  Value ranks = rankElements(n, x, *axis, isLargest);
  auto indexType = RankedTensorType::get(result, n.b.getI64Type());
  Value indices = n.fold(
      {ranks}, {along(n, rank, *axis)}, {shape[*axis]}, n.integer(indexType, 0),
      [&](TensorBuilder &b, ArrayRef<Value> args) -> Value {
        Type i64 = b.b.getI64Type();
        Value wanted =
            arith::IndexCastOp::create(b.b, b.loc, i64, n.place(b, *axis));
        Value here =
            arith::IndexCastOp::create(b.b, b.loc, i64, n.place(b, rank));
        Value isIt = b.compare(arith::CmpIPredicate::eq, args[0], wanted);
        return b.select(isIt, here, args[1]);
      });
  Value data = n.operand(0);
  Value values = n.generate(
      result, n.elementOf(data), [&](TensorBuilder &b, ArrayRef<Value> at) {
        SmallVector<Value> from(at);
        from[*axis] = arith::IndexCastOp::create(b.b, b.loc, b.b.getIndexType(),
                                                 n.extract(b, indices, at));
        return n.extract(b, data, from);
      });
  n.setOutput(0, values, n.dataType(0));
  n.setOutput(1, indices, TensorProto::INT64);
  return success();
}

/// How many there are must be known.
LogicalResult buildNonZero(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  DenseElementsAttr elements = n.findElements(0);
  if (!elements)
    return n.fail("how many elements are not zero must be known when "
                  "compiling: its input is no constant");
  Shape shape = n.shapeOf(n.operand(0));
  std::vector<Extents> places;
  Extents at(shape.size());
  for (Attribute element : elements.getValues<Attribute>()) {
    bool isZero = isa<FloatAttr>(element)
                      ? cast<FloatAttr>(element).getValue().isZero()
                      : cast<IntegerAttr>(element).getValue().isZero();
    if (!isZero)
      places.push_back(at);
    for (size_t dim = shape.size(); dim-- > 0;) {
      if (++at[dim] < shape[dim])
        break;
      at[dim] = 0;
    }
  }
  SmallVector<int64_t> flat;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    for (const Extents &place : places)
      flat.push_back(place[dim]);
  auto type = RankedTensorType::get(
      {int64_t(shape.size()), int64_t(places.size())}, n.b.getI64Type());
  return n.finish(arith::ConstantOp::create(
                      n.b, n.loc, DenseElementsAttr::get(type, ArrayRef(flat))),
                  TensorProto::INT64);
}

} // namespace

void sterna::addSequenceOps(OpTable &table) {
  table.add("Range", buildRange);
  table.add("CumSum", [](NodeBuilder &n) { return buildCumulative(n, false); });
  table.add("CumProd", [](NodeBuilder &n) { return buildCumulative(n, true); });
  table.add("TopK", buildTopK);
  table.add("NonZero", buildNonZero);
}
