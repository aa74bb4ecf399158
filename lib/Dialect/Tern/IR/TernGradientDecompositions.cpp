//===- TernGradientDecompositions.cpp - Integer gradients -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference decompositions of the quantizer of gradients and of the product
// that takes its integers.
//
//===----------------------------------------------------------------------===//

#include "ReferenceBuilder.h"

using namespace mlir;
using namespace sterna::tern;
using namespace sterna::tern::reference;

namespace {

/// Loops over a gradient and the scales of its columns.
class GradientQuantizer {
public:
  GradientQuantizer(Reference &r, QuantizeGradientOp op)
      : r(r), op(op), type(elementOf(op.getInput())),
        shape(shapeOf(op.getInput())),
        limit(double(getGradientLimit(elementOf(op.getQuantized())))) {}

  /// The magnitude `max |x|` of each row.
  Value largest() {
    return r.generic("pr", {op.getInput(), op.getScale()},
                     {dims({0, 1}), scaleMap(), dims({0})},
                     r.zeros(shape[0], r.bitsOf(type)),
                     [&](OpBuilder &b, ValueRange x) -> Value {
                       return arith::MaxSIOp::create(b, r.loc, x[2],
                                                     r.magnitude(scaled(x)));
                     });
  }

  Value step(Value largest) {
    return r.loops("p", {{largest, {0}}}, {r.empty(shape[0], type), {0}},
                   [&](OpBuilder &, ValueRange x) {
                     return r.onlyIfFinite(
                         x[0], r.div(r.constant(type, 1), multiplier(x[0])));
                   });
  }

  Value quantized(Value largest) {
    SmallVector<Value> inputs{op.getInput(), op.getScale(), largest};
    SmallVector<AffineMap> maps{dims({0, 1}), scaleMap(), dims({0})};
    if (op.getSeed()) {
      inputs.push_back(op.getSeed());
      maps.push_back(AffineMap::get(2, 0, r.b.getAffineConstantExpr(0)));
    }
    maps.push_back(dims({0, 1}));
    Type result = elementOf(op.getQuantized());
    return r.generic(
        "pp", inputs, maps, r.empty(shape, result),
        [&](OpBuilder &b, ValueRange x) -> Value {
          // Clamped first, so that no multiply-add that differs by level can
          // take the product in. A NaN becomes -limit; `step` tells of it.
          Value y = r.mul(scaled(x), multiplier(x[2]));
          y = r.clamp(y, -limit, limit);
          Value rounded = op.getSeed() ? r.roundStochastically(y, x[3])
                                       : math::RoundEvenOp::create(b, r.loc, y);
          Value wide =
              arith::FPToSIOp::create(b, r.loc, b.getI32Type(), rounded);
          return arith::TruncIOp::create(b, r.loc, result, wide);
        });
  }

private:
  AffineMap dims(ArrayRef<unsigned> which) {
    SmallVector<AffineExpr> results;
    for (unsigned dim : which)
      results.push_back(r.b.getAffineDimExpr(dim));
    return AffineMap::get(2, 0, results, r.b.getContext());
  }

  AffineMap scaleMap() {
    return shapeOf(op.getScale())[0] == 1
               ? AffineMap::get(2, 0, r.b.getAffineConstantExpr(0))
               : dims({1});
  }

  Value scaled(ValueRange x) { return r.mul(x[0], r.toFloat(x[1], type)); }

  Value multiplier(Value largest) {
    return r.div(r.constant(type, limit),
                 r.atLeast(r.fromMagnitude(largest, type), 1e-30));
  }

  Reference &r;
  QuantizeGradientOp op;
  Type type;
  ArrayRef<int64_t> shape;
  double limit;
};

} // namespace

SmallVector<Value> QuantizeGradientOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  GradientQuantizer quantizer(r, *this);
  Value largest = quantizer.largest();
  return {quantizer.quantized(largest), quantizer.step(largest)};
}

SmallVector<Value> QuantizedMatmulTransposedOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType(), i32 = b.getI32Type();
  ArrayRef<int64_t> shape = getType().getShape();
  Value trits = UnpackOp::create(
      b, getLoc(), RankedTensorType::get(shapeOf(getWeight()), b.getI8Type()),
      getWeight());
  Value sum = r.loops(
      "prp", {{getLhs(), {0, 1}}, {trits, {1, 2}}},
      {r.zeros(shape, i32), {0, 2}}, [&](OpBuilder &, ValueRange x) -> Value {
        Value lhs = arith::ExtSIOp::create(b, r.loc, i32, x[0]);
        Value rhs = arith::ExtSIOp::create(b, r.loc, i32, x[1]);
        Value product = arith::MulIOp::create(b, r.loc, lhs, rhs);
        return arith::AddIOp::create(b, r.loc, x[2], product);
      });
  return {r.loops("pp", {{sum, {0, 1}}, {getStep(), {0}}},
                  {r.empty(shape, type), {0, 1}},
                  [&](OpBuilder &, ValueRange x) {
                    return r.mul(r.toFloat(x[0], type), x[1]);
                  })};
}

SmallVector<int64_t>
QuantizedMatmulTransposedOp::getParallelDimensions(unsigned) {
  return {0, 1};
}
