//===- Quantization.cpp - Integers for floats -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear quantization: value = (integer - zero point) * scale, with one scale
// and zero point for a tensor, for each place along an axis, or for each block
// of places.
//
//===----------------------------------------------------------------------===//

#include "Reduce.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// `values`, scales or zero points, with one for each element of `shape`; null
/// where they do not fit.
Value spreadParameters(NodeBuilder &n, Value values, Shape shape, int64_t axis,
                       int64_t block) {
  Shape given = n.shapeOf(values);
  if (typeOf(values).getNumElements() == 1 && block == 0)
    return n.broadcastTo(n.reshape(values, {}), shape);
  int64_t rank = shape.size();
  if (axis < 0)
    axis += rank;
  if (axis < 0 || axis >= rank) {
    (void)n.fail("its axis is none of " + Twine(rank));
    return nullptr;
  }
  if (given.size() == 1 && block == 0) {
    if (given[0] != shape[axis]) {
      (void)n.fail("expected a scale for each of " + Twine(shape[axis]) +
                   " places");
      return nullptr;
    }
    Extents ones(rank, 1);
    ones[axis] = given[0];
    return n.broadcastTo(n.reshape(values, ones), shape);
  }
  bool fits =
      block > 0 && block <= shape[axis] + 1 && int64_t(given.size()) == rank;
  for (int64_t dim = 0; fits && dim < rank; ++dim)
    fits = dim == axis || given[dim] == shape[dim];
  if (!fits || given[axis] != int64_t(llvm::divideCeil(shape[axis], block))) {
    (void)n.fail("its scales do not fit its blocks");
    return nullptr;
  }
  // Repeat each along the axis, then cut what is too much.
  Extents split(given), spread(given), whole(given), zeros(rank, 0),
      ones(rank, 1);
  split.insert(split.begin() + axis + 1, 1);
  spread.insert(spread.begin() + axis + 1, block);
  whole[axis] *= block;
  Value repeated =
      n.reshape(n.broadcastTo(n.reshape(values, split), spread), whole);
  return n.slice(repeated, zeros, shape, ones);
}

LogicalResult buildDequantize(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectSameType({0, 2})))
    return failure();
  if (!isInteger(n.dataType(0)) || !isFloat(n.dataType(1)))
    return n.fail("expected integers with scales of floats");
  int64_t axis = n.getInt("axis", 1), block = n.getInt("block_size", 0);
  DataType type = DataType(n.getInt("output_dtype", 0));
  if (type == 0)
    type = n.dataType(1);
  Value x = n.operand(0);
  Shape shape = n.shapeOf(x);
  Value scale = spreadParameters(n, n.widen(n.operand(1)), shape, axis, block);
  if (!scale)
    return failure();
  Value value = n.cast(x, n.dataType(0), TensorProto::INT32);
  if (n.has(2)) {
    Value zero = spreadParameters(
        n, n.cast(n.operand(2), n.dataType(2), TensorProto::INT32), shape, axis,
        block);
    if (!zero)
      return failure();
    value = arith::SubIOp::create(n.b, n.loc, value, zero);
  }
  Value result =
      n.mul(n.cast(value, TensorProto::INT32, n.widened(1).type), scale);
  return n.finish(n.cast(result, n.widened(1).type, type), type);
}

/// round(x / scale) + zero point, to the nearest value of `to`.
Value quantize(NodeBuilder &n, Value x, Value scale, Value zero, DataType to) {
  Value rounded = math::RoundEvenOp::create(n.b, n.loc, n.div(x, scale));
  if (zero)
    rounded = n.add(rounded, zero);
  int64_t bits = getStoredBits(to);
  int64_t low = isUnsigned(to) ? 0 : -(int64_t(1) << (bits - 1));
  int64_t high = low + (int64_t(1) << bits) - 1;
  rounded = arith::MaximumFOp::create(n.b, n.loc, rounded,
                                      n.constant(x.getType(), low));
  rounded = arith::MinimumFOp::create(n.b, n.loc, rounded,
                                      n.constant(x.getType(), high));
  return n.cast(rounded, TensorProto::FLOAT, to);
}

LogicalResult buildQuantize(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  int64_t axis = n.getInt("axis", 1), block = n.getInt("block_size", 0);
  DataType type = DataType(n.getInt("output_dtype", 0));
  n.ignore("saturate"); // of floats of 8 bits alone
  n.ignore("precision");
  if (type == 0)
    type = n.has(2) ? n.dataType(2) : DataType(TensorProto::UINT8);
  if (!isInteger(type) || getStoredBits(type) > 16)
    return n.fail("values of type " + getTypeName(type) + " are not supported");
  Value x = n.cast(n.operand(0), n.dataType(0), TensorProto::FLOAT);
  Shape shape = n.shapeOf(x);
  auto spread = [&](size_t number) {
    Value values =
        n.cast(n.operand(number), n.dataType(number), TensorProto::FLOAT);
    return spreadParameters(n, values, shape, axis, block);
  };
  Value scale = spread(1), zero;
  if (!scale || (n.has(2) && !(zero = spread(2))))
    return failure();
  return n.finish(quantize(n, x, scale, zero, type), type);
}

LogicalResult buildDynamicQuantize(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Value x = n.operand(0);
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, n.rankOf(x)));
  Arithmetic math{n, TensorProto::FLOAT};
  auto extreme = [&](bool isMin) {
    Value found = n.reshape(extremeOver(n, math, x, dims, isMin), {});
    Value zero = n.constant(found.getType(), 0);
    return isMin ? math.min(found, zero) : math.max(found, zero);
  };
  Value low = extreme(true), high = extreme(false);
  Type scalar = low.getType();
  Value scale = n.div(n.sub(high, low), n.constant(scalar, 255));
  Value zero = n.div(n.neg(low), scale);
  zero =
      math.min(math.max(zero, n.constant(scalar, 0)), n.constant(scalar, 255));
  zero = math::RoundEvenOp::create(n.b, n.loc, zero);
  Shape shape = n.shapeOf(x);
  n.setOutput(0,
              quantize(n, x, n.broadcastTo(scale, shape),
                       n.broadcastTo(zero, shape), TensorProto::UINT8),
              TensorProto::UINT8);
  n.setOutput(1, scale, TensorProto::FLOAT);
  n.setOutput(2, n.cast(zero, TensorProto::FLOAT, TensorProto::UINT8),
              TensorProto::UINT8);
  return success();
}

} // namespace

void sterna::addQuantizeOps(OpTable &table) {
  table.add("DequantizeLinear", buildDequantize);
  table.add("QuantizeLinear", buildQuantize);
  table.add("DynamicQuantizeLinear", buildDynamicQuantize);
}
