//===- Gather.cpp - Reads at places that tensors hold ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Negative places count from the end. One beyond the tensor reads its first or
// last element, for a kernel must read nothing that is not there.
//
//===----------------------------------------------------------------------===//

#include "Gather.h"

#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

Value sterna::toPlace(TensorBuilder &body, Value element, int64_t extent) {
  ArrayBuilder b{body};
  Value place =
      arith::IndexCastOp::create(b.b, b.loc, b.b.getIndexType(), element);
  Value fromEnd = arith::AddIOp::create(b.b, b.loc, place, b.index(extent));
  Value isNegative = b.compare(arith::CmpIPredicate::slt, place, b.index(0));
  place = b.select(isNegative, fromEnd, place);
  place = arith::MaxSIOp::create(b.b, b.loc, place, b.index(0));
  return arith::MinSIOp::create(b.b, b.loc, place, b.index(extent - 1));
}

namespace {

/// Indices of 32 or 64 bits into something.
LogicalResult checkIndices(NodeBuilder &n, size_t number, Shape data) {
  if (n.dataType(number) != TensorProto::INT32 &&
      n.dataType(number) != TensorProto::INT64)
    return n.fail("expected indices of int32 or int64, but got " +
                  getTypeName(n.dataType(number)));
  if (llvm::is_contained(data, 0))
    return n.fail("there is nothing to index");
  return success();
}

/// Rows of a table of floats, which have a gradient and a kernel of their own.
Value embed(NodeBuilder &n, Value table, Value indices) {
  Shape shape = n.shapeOf(indices);
  int64_t rows = n.shapeOf(table)[0];
  Type type = indices.getType();
  Value zero = n.integer(type, 0);
  Value fromEnd =
      arith::AddIOp::create(n.b, n.loc, indices, n.integer(type, rows));
  Value ids = n.select(n.compare(arith::CmpIPredicate::slt, indices, zero),
                       fromEnd, indices);
  ids = arith::MaxSIOp::create(n.b, n.loc, ids, zero);
  ids = arith::MinSIOp::create(n.b, n.loc, ids, n.integer(type, rows - 1));
  ids = n.cast(ids, n.dataType(1), TensorProto::INT32);
  int64_t count = llvm::product_of(shape), width = n.shapeOf(table)[1];
  Value result = n.narrow(
      tern::EmbeddingOp::create(
          n.b, n.loc, RankedTensorType::get({count, width}, n.b.getF32Type()),
          table, n.reshape(ids, {count})),
      n.dataType(0));
  Extents resultShape(shape);
  resultShape.push_back(width);
  return n.reshape(result, resultShape);
}

LogicalResult buildGather(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  Value data = n.operand(0), indices = n.operand(1);
  Shape shape = n.shapeOf(data), at = n.shapeOf(indices);
  auto axis = n.toAxis(n.getInt("axis", 0), shape.size());
  if (!axis || failed(checkIndices(n, 1, shape)))
    return failure();
  Extents result(shape.take_front(*axis));
  llvm::append_range(result, at);
  llvm::append_range(result, shape.drop_front(*axis + 1));
  if (failed(n.checkShape(result)))
    return failure();
  if (*axis == 0 && shape.size() == 2 && isFloat(n.dataType(0)) &&
      n.dataType(0) != TensorProto::DOUBLE &&
      data.getDefiningOp<tern::GetParamOp>() && !llvm::is_contained(at, 0) &&
      shape[0] <= INT32_MAX)
    return n.finish(embed(n, data, indices), n.dataType(0));
  Value gathered = n.generate(
      result, n.elementOf(data), [&](TensorBuilder &b, ArrayRef<Value> places) {
        Value element = n.extract(b, indices, places.slice(*axis, at.size()));
        SmallVector<Value> from(places.take_front(*axis));
        from.push_back(toPlace(b, element, shape[*axis]));
        llvm::append_range(from, places.drop_front(*axis + at.size()));
        return n.extract(b, data, from);
      });
  return n.finish(gathered, n.dataType(0));
}

LogicalResult buildGatherElements(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  Value data = n.operand(0), indices = n.operand(1);
  Shape shape = n.shapeOf(data);
  auto axis = n.toAxis(n.getInt("axis", 0), shape.size());
  if (!axis || failed(checkIndices(n, 1, shape)))
    return failure();
  if (n.shapeOf(indices).size() != shape.size())
    return n.fail("expected indices of " + Twine(shape.size()) + " dimensions");
  for (auto [dim, extent] : llvm::enumerate(n.shapeOf(indices)))
    if (int64_t(dim) != *axis && extent > shape[dim])
      return n.fail("its indices have more places than the data");
  Value gathered =
      n.generate(n.shapeOf(indices), n.elementOf(data),
                 [&](TensorBuilder &b, ArrayRef<Value> places) {
                   SmallVector<Value> from(places);
                   from[*axis] =
                       toPlace(b, n.extract(b, indices, places), shape[*axis]);
                   return n.extract(b, data, from);
                 });
  return n.finish(gathered, n.dataType(0));
}

LogicalResult buildGatherND(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  Value data = n.operand(0), indices = n.operand(1);
  Shape shape = n.shapeOf(data), at = n.shapeOf(indices);
  int64_t batch = n.getInt("batch_dims", 0);
  if (failed(checkIndices(n, 1, shape)))
    return failure();
  if (at.empty() || batch < 0 || batch >= int64_t(at.size()) ||
      batch + at.back() > int64_t(shape.size()) ||
      at.take_front(batch) != shape.take_front(batch))
    return n.fail("its indices do not fit the data");
  int64_t depth = at.back(), outer = at.size() - 1;
  Extents result(at.drop_back());
  llvm::append_range(result, shape.drop_front(batch + depth));
  if (failed(n.checkShape(result)))
    return failure();
  Value gathered = n.generate(
      result, n.elementOf(data), [&](TensorBuilder &b, ArrayRef<Value> places) {
        SmallVector<Value> from(places.take_front(batch));
        for (int64_t i = 0; i < depth; ++i) {
          SmallVector<Value> index(places.take_front(outer));
          index.push_back(ArrayBuilder{b}.index(i));
          from.push_back(
              toPlace(b, n.extract(b, indices, index), shape[batch + i]));
        }
        llvm::append_range(from, places.drop_front(outer));
        return n.extract(b, data, from);
      });
  return n.finish(gathered, n.dataType(0));
}

LogicalResult buildOneHot(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  // A depth may be a float, as long as it is whole.
  DenseElementsAttr elements = n.findElements(1);
  int64_t depth = 0;
  if (elements && isFloat(n.dataType(1)) && elements.getNumElements() == 1) {
    depth =
        int64_t((*elements.getValues<FloatAttr>().begin()).getValueAsDouble());
  } else if (auto given = n.getInteger(1, "depth")) {
    depth = *given;
  } else {
    return failure();
  }
  Value indices = n.cast(n.operand(0), n.dataType(0), TensorProto::INT64);
  Value values = n.operand(2);
  Shape at = n.shapeOf(indices);
  auto axis = n.toAxis(n.getInt("axis", -1), at.size() + 1);
  if (!axis)
    return failure();
  if (depth <= 0 || n.shapeOf(values) != Shape{2})
    return n.fail("expected a positive depth and two values");
  Extents result(at);
  result.insert(result.begin() + *axis, depth);
  if (failed(n.checkShape(result)))
    return failure();
  Value hot = n.generate(
      result, n.b.getI1Type(), [&](TensorBuilder &b, ArrayRef<Value> places) {
        SmallVector<Value> from(places);
        from.erase(from.begin() + *axis);
        Value index = n.extract(b, indices, from);
        ArrayBuilder inner{b};
        Value fromEnd = arith::AddIOp::create(
            b.b, b.loc, index, inner.integer(index.getType(), depth));
        Value isNegative = b.compare(arith::CmpIPredicate::slt, index,
                                     inner.integer(index.getType(), 0));
        index = b.select(isNegative, fromEnd, index);
        Value place = arith::IndexCastOp::create(b.b, b.loc, index.getType(),
                                                 places[*axis]);
        return b.compare(arith::CmpIPredicate::eq, index, place);
      });
  auto value = [&](int64_t which) {
    Value part = n.slice(values, {which}, {1}, {1});
    return n.broadcastTo(n.reshape(part, {}), result);
  };
  return n.finish(n.select(hot, value(1), value(0)), n.dataType(2));
}

} // namespace

void sterna::addGatherOps(OpTable &table) {
  table.add("Gather", buildGather);
  table.add("GatherElements", buildGatherElements);
  table.add("GatherND", buildGatherND);
  table.add("OneHot", buildOneHot);
}
