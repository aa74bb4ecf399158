//===- Scatter.cpp - Writes at places that tensors hold -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each element of the result asks all updates, in order, whether they are its
// own: no two invocations write one place, and sums have one order on any
// number of threads.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// What an update does to the element that is there.
std::optional<Value (*)(const Arithmetic &, Value, Value)>
findReduction(NodeBuilder &n) {
  using Combine = Value (*)(const Arithmetic &, Value, Value);
  std::string name = n.getString("reduction", "none");
  if (failed(n.expectSameType({0, 2})) ||
      (name != "none" && failed(n.expectNumbers({0}))))
    return std::nullopt;
  if (n.dataType(1) != TensorProto::INT64 &&
      n.dataType(1) != TensorProto::INT32) {
    (void)n.fail("expected indices of int32 or int64");
    return std::nullopt;
  }
  Combine combine =
      llvm::StringSwitch<Combine>(name)
          .Case("none", [](const Arithmetic &, Value, Value y) { return y; })
          .Case("add", [](const Arithmetic &math, Value x,
                          Value y) { return math.add(x, y); })
          .Case("mul", [](const Arithmetic &math, Value x,
                          Value y) { return math.mul(x, y); })
          .Case("max", [](const Arithmetic &math, Value x,
                          Value y) { return math.max(x, y); })
          .Case("min", [](const Arithmetic &math, Value x,
                          Value y) { return math.min(x, y); })
          .Default(nullptr);
  if (combine)
    return combine;
  (void)n.fail("unknown reduction '" + name + "'");
  return std::nullopt;
}

/// In a body: whether `index`, of an extent of `extent`, is place `place`.
Value isAt(TensorBuilder &body, Value index, int64_t extent, Value place) {
  ArrayBuilder b{body};
  Value wide =
      arith::IndexCastOp::create(b.b, b.loc, b.b.getIndexType(), index);
  Value fromEnd = arith::AddIOp::create(b.b, b.loc, wide, b.index(extent));
  Value isNegative = b.compare(arith::CmpIPredicate::slt, wide, b.index(0));
  Value counted = b.select(isNegative, fromEnd, wide);
  return b.compare(arith::CmpIPredicate::eq, counted, place);
}

LogicalResult buildScatterElements(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  auto combine = findReduction(n);
  Value data = n.widen(n.operand(0)), updates = n.widen(n.operand(2));
  Value indices = n.operand(1);
  Shape shape = n.shapeOf(data), at = n.shapeOf(indices);
  auto axis = n.toAxis(n.getInt("axis", 0), shape.size());
  if (!combine || !axis)
    return failure();
  int64_t rank = shape.size();
  if (at.size() != shape.size() || n.shapeOf(updates) != at)
    return n.fail("expected indices and updates of one shape, of " +
                  Twine(rank) + " dimensions");
  Extents padded(at);
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim != *axis && at[dim] > shape[dim])
      return n.fail("its indices have more places than the data");
    if (dim != *axis)
      padded[dim] = shape[dim];
  }
  DataType type = n.widened(0).type;
  if (typeOf(indices).getNumElements() == 0)
    return n.finish(n.operand(0), n.dataType(0));
  // Where there are no updates, an index of no place.
  Value places = n.cast(indices, n.dataType(1), TensorProto::INT64);
  if (Shape(padded) != at) {
    auto whole = typeOf(places).clone(padded);
    Value none = n.integer(whole, INT64_MIN / 2);
    auto insert = [&](Value part, Value into) -> Value {
      Extents zeros(rank, 0), ones(rank, 1);
      return tensor::InsertSliceOp::create(n.b, n.loc, typeOf(into), part, into,
                                           ValueRange(), ValueRange(),
                                           ValueRange(), zeros, at, ones);
    };
    places = insert(places, none);
    updates = insert(updates, n.number(typeOf(updates).clone(padded), 0));
  }
  // Loops: the dimensions of the result, then the places along the axis.
  SmallVector<AffineExpr> reads;
  for (int64_t dim = 0; dim < rank; ++dim)
    reads.push_back(n.b.getAffineDimExpr(dim == *axis ? rank : dim));
  AffineMap read = AffineMap::get(rank + 1, 0, reads, n.b.getContext());
  Value result =
      n.fold({places, updates}, {read, read}, {at[*axis]}, data,
             [&](TensorBuilder &b, ArrayRef<Value> args) {
               Value own = isAt(b, args[0], shape[*axis], n.place(b, *axis));
               Value next = (*combine)(Arithmetic{b, type}, args[2], args[1]);
               return b.select(own, next, args[2]);
             });
  return n.finish(n.narrow(result, n.dataType(0)), n.dataType(0));
}

/// The first of consecutive rows that `places` [count, 1] names; none where
/// they are not known or others.
std::optional<int64_t> findFirstRow(NodeBuilder &n, int64_t rows) {
  DenseElementsAttr elements = n.findElements(1);
  if (!elements || n.shapeOf(n.operand(1)).back() != 1)
    return std::nullopt;
  std::optional<int64_t> first;
  int64_t next = 0;
  for (const APInt &element : elements.getValues<APInt>()) {
    int64_t place = element.getSExtValue();
    if (!first)
      first = next = place;
    if (place != next++)
      return std::nullopt;
  }
  if (!first || *first < 0 || next > rows)
    return std::nullopt;
  return first;
}

LogicalResult buildScatterND(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  auto combine = findReduction(n);
  if (!combine)
    return failure();
  Value data = n.widen(n.operand(0)), updates = n.widen(n.operand(2));
  Value indices = n.operand(1);
  Shape shape = n.shapeOf(data), at = n.shapeOf(indices);
  if (at.empty() || at.back() > int64_t(shape.size()))
    return n.fail("its indices do not fit the data");
  int64_t depth = at.back(), rank = shape.size();
  Extents expected(at.drop_back());
  llvm::append_range(expected, shape.drop_front(depth));
  if (n.shapeOf(updates) != Shape(expected))
    return n.fail("its updates do not have the shape of what they replace");
  int64_t count = llvm::product_of(at.drop_back());
  if (count == 0)
    return n.finish(n.operand(0), n.dataType(0));
  DataType type = n.widened(0).type;
  // One list of updates, each a slice of the data.
  Value places = n.reshape(indices, {count, depth});
  Extents flat{count};
  llvm::append_range(flat, shape.drop_front(depth));
  updates = n.reshape(updates, flat);
  // Exporters write slices so.
  bool replaces = n.getString("reduction", "none") == "none";
  if (auto first = replaces ? findFirstRow(n, shape[0]) : std::nullopt) {
    Extents offsets(rank, 0), ones(rank, 1);
    offsets[0] = *first;
    Value result = tensor::InsertSliceOp::create(
        n.b, n.loc, updates, data, ValueRange(), ValueRange(), ValueRange(),
        offsets, flat, ones);
    return n.finish(n.narrow(result, n.dataType(0)), n.dataType(0));
  }
  SmallVector<AffineExpr> reads{n.b.getAffineDimExpr(rank)};
  for (int64_t dim = depth; dim < rank; ++dim)
    reads.push_back(n.b.getAffineDimExpr(dim));
  AffineMap read = AffineMap::get(rank + 1, 0, reads, n.b.getContext());
  Value result =
      n.fold({updates}, {read}, {count}, data,
             [&](TensorBuilder &b, ArrayRef<Value> args) {
               Value own = ArrayBuilder{b}.integer(b.b.getI1Type(), 1);
               for (int64_t i = 0; i < depth; ++i) {
                 Value index = n.extract(
                     b, places, {n.place(b, rank), ArrayBuilder{b}.index(i)});
                 own = arith::AndIOp::create(
                     b.b, b.loc, own, isAt(b, index, shape[i], n.place(b, i)));
               }
               Value next = (*combine)(Arithmetic{b, type}, args[1], args[0]);
               return b.select(own, next, args[1]);
             });
  return n.finish(n.narrow(result, n.dataType(0)), n.dataType(0));
}

/// Rows of a cache from each sample's place on, as if written one by one.
LogicalResult buildTensorScatter(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectSameType({0, 1})))
    return failure();
  Value cache = n.operand(0), update = n.operand(1);
  Shape shape = n.shapeOf(cache);
  auto axis = n.toAxis(n.getInt("axis", -2), shape.size());
  std::string mode = n.getString("mode", "linear");
  if (!axis)
    return failure();
  Extents expected(shape);
  int64_t rows = shape[*axis], added = 0;
  if (n.shapeOf(update).size() == shape.size())
    expected[*axis] = added = n.shapeOf(update)[*axis];
  if (n.shapeOf(update) != Shape(expected) || added == 0 || added > rows ||
      *axis == 0)
    return n.fail("its update does not fit its cache");
  if (n.has(2) && failed(n.expectShape(2, {shape[0]})))
    return failure();
  if (mode != "linear" && mode != "circular")
    return n.fail("unknown mode '" + mode + "'");
  Value result = n.generate(
      shape, n.elementOf(cache), [&](TensorBuilder &body, ArrayRef<Value> at) {
        ArrayBuilder b{body};
        Value start = b.index(0);
        if (n.has(2))
          start = arith::IndexCastOp::create(
              b.b, b.loc, b.b.getIndexType(),
              n.extract(body, n.operand(2), {at[0]}));
        Value row = arith::SubIOp::create(b.b, b.loc, at[*axis], start);
        if (mode == "circular") {
          // From 0 to the number of rows, wherever it starts.
          Value count = b.index(rows);
          row = arith::RemSIOp::create(b.b, b.loc, row, count);
          row = arith::AddIOp::create(b.b, b.loc, row, count);
          row = arith::RemSIOp::create(b.b, b.loc, row, count);
        }
        Value isNew = b.compare(arith::CmpIPredicate::ult, row, b.index(added));
        SmallVector<Value> from(at);
        from[*axis] = b.select(isNew, row, b.index(0));
        return b.select(isNew, n.extract(body, update, from),
                        n.extract(body, cache, at));
      });
  return n.finish(result, n.dataType(0));
}

} // namespace

void sterna::addScatterOps(OpTable &table) {
  table.add("TensorScatter", buildTensorScatter);
  table.add("ScatterElements", buildScatterElements);
  table.add("Scatter", buildScatterElements);
  table.add("ScatterND", buildScatterND);
}
