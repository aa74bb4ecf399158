//===- HalfPrecision.cpp - Floats of 16 bits by integers ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See HalfPrecision.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Portable/HalfPrecision.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace {

/// Arithmetic on i32, or on vectors of it.
struct Words {
  OpBuilder &b;
  Location loc;
  Type type;

  Type floatType() {
    if (auto shaped = dyn_cast<ShapedType>(type))
      return shaped.clone(b.getF32Type());
    return b.getF32Type();
  }
  Value splat(Type of, Attribute element) {
    if (auto shaped = dyn_cast<ShapedType>(of))
      return arith::ConstantOp::create(b, loc,
                                       DenseElementsAttr::get(shaped, element));
    return arith::ConstantOp::create(b, loc, cast<TypedAttr>(element));
  }
  Value word(int32_t value) { return splat(type, b.getI32IntegerAttr(value)); }
  Value mask(Value x, int32_t bits) {
    return arith::AndIOp::create(b, loc, x, word(bits));
  }
  Value shiftLeft(Value x, int32_t by) {
    return arith::ShLIOp::create(b, loc, x, word(by));
  }
  Value shiftRight(Value x, int32_t by) {
    return arith::ShRUIOp::create(b, loc, x, word(by));
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value merge(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value isAtLeast(Value x, int32_t bound) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, x,
                                 word(bound));
  }
};

} // namespace

Value sterna::widenF16(OpBuilder &b, Location loc, Value half) {
  constexpr int32_t rebias = (127 - 15) << 23;
  Words w{b, loc, half.getType()};
  Value magnitude = w.mask(half, 0x7fff);
  Value sign = w.shiftLeft(w.mask(half, 0x8000), 16);
  Value shifted = w.shiftLeft(magnitude, 13);
  Value normal = arith::AddIOp::create(b, loc, shifted, w.word(rebias));
  // Infinity and NaN have the largest exponent in both types.
  Value special = w.merge(shifted, w.word(0x7f800000));
  Value large = arith::SelectOp::create(b, loc, w.isAtLeast(magnitude, 0x7c00),
                                        special, normal);
  // A denormal f16 is an integer times 2^-24.
  Value scale =
      w.splat(w.floatType(), b.getF32FloatAttr(1.0f / float(1 << 24)));
  Value small = arith::UIToFPOp::create(b, loc, w.floatType(), magnitude);
  small = arith::MulFOp::create(b, loc, small, scale);
  small = arith::BitcastOp::create(b, loc, w.type, small);
  Value bits = arith::SelectOp::create(b, loc, w.isAtLeast(magnitude, 0x0400),
                                       large, small);
  return arith::BitcastOp::create(b, loc, w.floatType(), w.merge(bits, sign));
}

/// Words of as many elements as `value`.
static Words wordsOf(OpBuilder &b, Location loc, Value value) {
  Type type = b.getI32Type();
  if (auto shaped = dyn_cast<ShapedType>(value.getType()))
    type = shaped.clone(type);
  return {b, loc, type};
}

Value sterna::narrowBF16(OpBuilder &b, Location loc, Value value) {
  Words w = wordsOf(b, loc, value);
  Value bits = arith::BitcastOp::create(b, loc, w.type, value);
  // Half a unit less one, and one more where the last bit that stays is odd.
  Value odd = w.mask(w.shiftRight(bits, 16), 1);
  Value rounded = w.shiftRight(w.add(w.add(bits, w.word(0x7fff)), odd), 16);
  // A NaN stays one, with its sign.
  Value nan = w.merge(w.shiftRight(bits, 16), w.word(0x40));
  Value isNaN = w.isAtLeast(w.mask(bits, 0x7fffffff), 0x7f800001);
  return arith::SelectOp::create(b, loc, isNaN, nan, rounded);
}

Value sterna::narrowF16(OpBuilder &b, Location loc, Value value) {
  Words w = wordsOf(b, loc, value);
  Type type = w.type;
  Value bits = arith::BitcastOp::create(b, loc, type, value);
  Value magnitude = w.mask(bits, 0x7fffffff);
  Value sign = w.mask(w.shiftRight(bits, 16), 0x8000);
  // Half a unit less one, and one more where the last bit that stays is odd.
  constexpr int32_t rebias = -((127 - 15) << 23);
  Value odd = w.mask(w.shiftRight(magnitude, 13), 1);
  Value normal =
      w.shiftRight(w.add(w.add(magnitude, w.word(rebias + 0xfff)), odd), 13);
  // One below 2^-14 is a multiple of 2^-24, as are floats from 1/2 to 1.
  Value half = w.splat(w.floatType(), b.getF32FloatAttr(0.5f));
  Value small = arith::BitcastOp::create(b, loc, w.floatType(), magnitude);
  small = arith::AddFOp::create(b, loc, small, half);
  small = arith::SubIOp::create(b, loc,
                                arith::BitcastOp::create(b, loc, type, small),
                                w.word(0x3f000000));
  Value result = arith::SelectOp::create(
      b, loc, w.isAtLeast(magnitude, 0x38800000), normal, small);
  result = arith::SelectOp::create(b, loc, w.isAtLeast(magnitude, 0x477ff000),
                                   w.word(0x7c00), result);
  result = arith::SelectOp::create(b, loc, w.isAtLeast(magnitude, 0x7f800001),
                                   w.word(0x7e00), result);
  return w.merge(result, sign);
}
