//===- Norms.cpp - Normalization ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Norms over the last dimensions, with and without a mean, after a residual or
// not. A norm of rows by their root mean square is tern.rms_norm, which all
// targets have kernels for.
//
//===----------------------------------------------------------------------===//

#include "Norms.h"

#include "Reduce.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// A norm of rows, and what the op also gives of them.
struct Norm {
  Value result, mean, inverse;
};

Value meanOf(NodeBuilder &n, Value rows) {
  Value sum = sumOver(n, {n, TensorProto::FLOAT}, rows, {1});
  return n.div(sum, n.constant(sum.getType(), n.shapeOf(rows)[1]));
}

/// (x - mean) / sqrt(variance + epsilon) of rows [M, N]; the mean is 0 where
/// `isCentered` is false.
Norm normalize(NodeBuilder &n, Value rows, double epsilon, bool isCentered) {
  Norm norm;
  Shape shape = n.shapeOf(rows);
  if (isCentered) {
    norm.mean = meanOf(n, rows);
    rows = n.sub(rows, n.broadcastTo(norm.mean, shape));
  }
  Value variance = meanOf(n, n.mul(rows, rows));
  Value root = n.sqrt(n.add(variance, n.constant(variance.getType(), epsilon)));
  norm.inverse = n.div(n.constant(root.getType(), 1), root);
  norm.result = n.mul(rows, n.broadcastTo(norm.inverse, shape));
  return norm;
}

/// Where the inputs of an op of norms are.
struct NormInputs {
  Value x;                ///< widened
  GraphValue scale, bias; ///< null where there are none
  int64_t axis = -1;
  bool isCentered = true;
  double epsilon = 1e-5;
};

/// The norm of `in`, of the shape of its x. Fails with a null result.
Norm buildNorm(NodeBuilder &n, const NormInputs &in) {
  Shape shape = n.shapeOf(in.x);
  auto axis = n.toAxis(in.axis, shape.size());
  if (!axis)
    return {};
  int64_t rows = llvm::product_of(shape.take_front(*axis));
  int64_t columns = llvm::product_of(shape.drop_front(*axis));
  if (columns == 0 || rows == 0) {
    (void)n.fail("there is nothing to normalize");
    return {};
  }
  Value flat = n.reshape(in.x, {rows, columns});
  Norm norm;
  bool isRows =
      in.scale && n.shapeOf(in.scale.value) == shape.drop_front(*axis);
  if (!in.isCentered && isRows && !in.bias && n.elementOf(flat).isF32()) {
    Value weight = n.reshape(n.widen(in.scale.value), {columns});
    norm.result =
        tern::RmsNormOp::create(n.b, n.loc, flat.getType(), flat, weight,
                                n.b.getF64FloatAttr(in.epsilon));
    norm.result = n.reshape(norm.result, shape);
    return norm;
  }
  norm = normalize(n, flat, in.epsilon, in.isCentered);
  norm.result = n.reshape(norm.result, shape);
  auto apply = [&](GraphValue by, bool isFactor) {
    if (!by || !norm.result)
      return;
    norm.result = n.elementwise(
        {{norm.result, TensorProto::FLOAT}, {n.widen(by.value), by.type}},
        [&](ArrayRef<Value> v) {
          return isFactor ? n.mul(v[0], v[1]) : n.add(v[0], v[1]);
        });
    if (norm.result && n.shapeOf(norm.result) != shape) {
      (void)n.fail("its scale or bias is larger than its input");
      norm.result = nullptr;
    }
  };
  apply(in.scale, true);
  apply(in.bias, false);
  return norm;
}

/// Statistics have extent 1 in the dimensions that were normalized.
Value statistic(NodeBuilder &n, Value value, Shape shape, int64_t axis) {
  Extents result(shape);
  for (size_t dim = axis < 0 ? axis + shape.size() : axis; dim < shape.size();
       ++dim)
    result[dim] = 1;
  return n.reshape(value, result);
}

GraphValue optional(NodeBuilder &n, size_t number) {
  return n.has(number) ? n.input(number) : GraphValue();
}

LogicalResult expectFloats(NodeBuilder &n) {
  if (isFloat(n.dataType(0)))
    return success();
  return n.fail("expected floats, but got " + getTypeName(n.dataType(0)));
}

LogicalResult buildLayerNorm(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(expectFloats(n)))
    return failure();
  DataType type = n.dataType(0);
  NormInputs in;
  in.x = n.widen(n.operand(0));
  in.scale = n.input(1);
  in.bias = optional(n, 2);
  in.axis = n.getInt("axis", -1);
  in.epsilon = n.getFloat("epsilon", 1e-5);
  n.ignore("stash_type"); // f32, in which it is computed
  Norm norm = buildNorm(n, in);
  if (!norm.result)
    return failure();
  n.setOutput(0, n.narrow(norm.result, type), type);
  Shape shape = n.shapeOf(in.x);
  auto give = [&](size_t number, Value value) {
    value = statistic(n, value, shape, in.axis);
    n.setOutput(number, n.cast(value, n.widened(0).type, TensorProto::FLOAT),
                TensorProto::FLOAT);
  };
  if (n.wants(1))
    give(1, norm.mean);
  if (n.wants(2))
    give(2, norm.inverse);
  return success();
}

LogicalResult buildRMSNorm(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(expectFloats(n)))
    return failure();
  DataType type = n.dataType(0);
  NormInputs in;
  in.x = n.widen(n.operand(0));
  in.scale = n.input(1);
  in.axis = n.getInt("axis", -1);
  in.epsilon = n.getFloat("epsilon", 1e-5);
  in.isCentered = false;
  n.ignore("stash_type");
  if (n.wants(1))
    return n.fail("its second output is not supported");
  Norm norm = buildNorm(n, in);
  if (!norm.result)
    return failure();
  return n.finish(n.narrow(norm.result, type), type);
}

/// Input, skip, gamma, (beta,) bias: the norm of their sum, which is output 3.
LogicalResult buildSkipNorm(NodeBuilder &n, bool isCentered) {
  if (failed(n.expectInputs(3)) || failed(expectFloats(n)))
    return failure();
  DataType type = n.dataType(0);
  auto add = [&](Value x, size_t number) -> Value {
    if (!x || !n.has(number))
      return x;
    return n.elementwise({{x, TensorProto::FLOAT}, n.widened(number)},
                         [&](ArrayRef<Value> v) { return n.add(v[0], v[1]); });
  };
  NormInputs in;
  in.x = add(add(n.widen(n.operand(0)), 1), isCentered ? 4 : 3);
  if (!in.x)
    return failure();
  in.scale = n.input(2);
  in.bias = isCentered ? optional(n, 3) : GraphValue();
  in.epsilon = n.getFloat("epsilon", 1e-12);
  in.isCentered = isCentered;
  if (n.wants(1) || n.wants(2))
    return n.fail("the statistics of its norm are not supported");
  Norm norm = buildNorm(n, in);
  if (!norm.result)
    return failure();
  n.setOutput(0, n.narrow(norm.result, type), type);
  n.setOutput(3, n.narrow(in.x, type), type);
  return success();
}

} // namespace

LogicalResult sterna::normalizeLast(NodeBuilder &n, Value x, GraphValue scale,
                                    GraphValue bias, double epsilon,
                                    DataType type) {
  NormInputs in;
  in.x = x;
  in.scale = scale;
  in.bias = bias;
  in.epsilon = epsilon;
  Norm norm = buildNorm(n, in);
  if (!norm.result)
    return failure();
  n.setOutput(0, n.narrow(norm.result, type), type);
  return success();
}

void sterna::addNormOps(OpTable &table) {
  table.add("LayerNormalization", buildLayerNorm);
  table.add("RMSNormalization", buildRMSNorm);
  table.add("SimplifiedLayerNormalization", buildRMSNorm);
  table.add("SimplifiedLayerNormalization", buildRMSNorm, microsoftDomain);
  table.add(
      "SkipLayerNormalization",
      [](NodeBuilder &n) { return buildSkipNorm(n, true); }, microsoftDomain);
  table.add(
      "SkipSimplifiedLayerNormalization",
      [](NodeBuilder &n) { return buildSkipNorm(n, false); }, microsoftDomain);
}
