//===- TernOptimizerDecompositions.cpp - AdamW on 8-bit moments -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference decomposition of tern.blockwise_adamw. Loops run over (row,
// column).
//
//===----------------------------------------------------------------------===//

#include "ReferenceBuilder.h"
#include "sterna/Support/AdamW.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using namespace sterna::tern;
using namespace sterna::tern::reference;

namespace {

/// Codes 0 to 2^bits - 1 of magnitudes from 0 to 1. Decade `e` of `bits` ones,
/// counted from the smallest, has the codes 2^e to 2^(e+1) - 1, equally spaced;
/// the last of each is the power of ten that it ends at.
class DynamicCode {
public:
  DynamicCode(Reference &r, Type type, unsigned bits)
      : r(r), type(type), bits(bits) {}

  /// The magnitude that `code`, an i32, stands for.
  Value decode(Value code) {
    Value top = r.constant(type, powerOfTen(1)), steps = r.constant(type, 1);
    for (unsigned e = 1; e < bits; ++e) {
      Value reaches = r.compare(arith::CmpIPredicate::sge, code,
                                r.constant(int32_t(1) << e));
      top = r.select(reaches, r.constant(type, powerOfTen(e + 1)), top);
      steps = r.select(reaches, r.constant(type, std::ldexp(1.0, e)), steps);
    }
    // 1 for the first of a decade's codes, `steps` for the last.
    Value number =
        r.add(r.sub(r.toFloat(code, type), steps), r.constant(type, 1));
    Value share = r.add(r.constant(type, 0.1),
                        r.mul(r.constant(type, 0.9), r.div(number, steps)));
    Value isZero =
        r.compare(arith::CmpIPredicate::eq, code, r.constant(int32_t(0)));
    return r.select(isZero, r.constant(type, 0), r.mul(top, share));
  }

  /// The code of `x`, from 0 to 1, which `round` makes whole.
  Value encode(Value x, function_ref<Value(Value)> round) {
    Value inverse = r.constant(type, 1 / powerOfTen(1));
    Value steps = r.constant(type, 1);
    for (unsigned e = 1; e < bits; ++e) {
      Value reaches = r.compare(arith::CmpFPredicate::OGT, x,
                                r.constant(type, powerOfTen(e)));
      inverse =
          r.select(reaches, r.constant(type, 1 / powerOfTen(e + 1)), inverse);
      steps = r.select(reaches, r.constant(type, std::ldexp(1.0, e)), steps);
    }
    Value share = r.div(r.sub(r.mul(x, inverse), r.constant(type, 0.1)),
                        r.constant(type, 0.9));
    // Below the smallest decade there is 0 alone.
    Value number = r.mul(r.atLeast(share, 0), steps);
    Value code = r.add(r.sub(steps, r.constant(type, 1)), number);
    Value whole = r.clamp(round(code), 0, std::ldexp(1.0, bits) - 1);
    return arith::FPToSIOp::create(r.b, r.loc, r.b.getI32Type(), whole);
  }

private:
  /// What decade number `e`, from 1 on, ends at.
  double powerOfTen(unsigned e) const {
    return std::pow(10.0, int(e) - int(bits));
  }

  Reference &r;
  Type type;
  unsigned bits;
};

class BlockwiseAdamW {
public:
  BlockwiseAdamW(OpBuilder &b, BlockwiseAdamWOp op)
      : r{b, op.getLoc()}, op(op), type(elementOf(op.getParameter())),
        shape(shapeOf(op.getParameter())), sign(r, type, 7),
        unsign(r, type, 8) {}

  SmallVector<Value> build() {
    Value m = moment(op.getMoment1(), op.getScale1(), [&](ValueRange x) {
      return adamw::updateFirst(r, clipped(x), signedValue(x[2], x[3]));
    });
    Value root = moment(op.getMoment2(), op.getScale2(), [&](ValueRange x) {
      Value old = r.mul(unsign.decode(widen(x[2])), x[3]);
      Value second = adamw::updateSecond(r, clipped(x), r.mul(old, old));
      return Value(r.sqrt(second));
    });
    Value scale1 = scaleOf(m, op.getScale1());
    Value scale2 = scaleOf(root, op.getScale2());
    return {parameter(m, root), signedCodes(m, scale1), scale1,
            unsignedCodes(root, scale2), scale2};
  }

private:
  /// New moments from `clip`, gradient, code and scale of each element.
  Value moment(Value codes, Value scale, function_ref<Value(ValueRange)> body) {
    return r.loops("pp",
                   {{op.getClip(), {}},
                    {op.getGradient(), {0, 1}},
                    {codes, {0, 1}},
                    {scale, {0}}},
                   {r.empty(shape, type), {0, 1}},
                   [&](OpBuilder &, ValueRange x) { return body(x); });
  }

  Value clipped(ValueRange x) { return r.mul(x[1], x[0]); }

  /// The parameter after the step; the old one where it is not taken.
  Value parameter(Value m, Value root) {
    SmallVector<Operand> inputs = guards();
    size_t count = inputs.size();
    inputs.append({{op.getDecay(), {}},
                   {op.getStepSize(), {}},
                   {op.getRoot(), {}},
                   {op.getParameter(), {0, 1}},
                   {m, {0, 1}},
                   {root, {0, 1}}});
    return r.loops("pp", inputs, {r.empty(shape, type), {0, 1}},
                   [&](OpBuilder &, ValueRange x) {
                     ValueRange own = x.drop_front(count);
                     Value next = adamw::updateParameter(
                         r, {own[0], own[1], own[2]}, own[3], own[4], own[5]);
                     return r.select(isTaken(x.take_front(count)), next,
                                     own[3]);
                   });
  }

  Value isTaken(ValueRange guards) { return adamw::allFinite(r, guards); }

  /// The largest magnitude of each row; `old` where the step is not taken.
  Value scaleOf(Value x, Value old) {
    ArrayRef<int64_t> rows = shape.take_front();
    Value largest =
        r.loops("pr", {{x, {0, 1}}}, {r.zeros(rows, type), {0}},
                [&](OpBuilder &, ValueRange x) {
                  return r.max(x[1], math::AbsFOp::create(r.b, r.loc, x[0]));
                });
    SmallVector<Operand> inputs = guards();
    inputs.append({{largest, {0}}, {old, {0}}});
    return r.loops("p", inputs, {r.empty(rows, type), {0}},
                   [&](OpBuilder &, ValueRange x) {
                     size_t count = op.getGuards().size();
                     return r.select(isTaken(x.take_front(count)), x[count],
                                     x[count + 1]);
                   });
  }

  SmallVector<Operand> guards() {
    SmallVector<Operand> result;
    for (Value guard : op.getGuards())
      result.push_back({guard, {}});
    return result;
  }

  /// Codes of `x` over its row's scale by `encode`; `old` where the step is not
  /// taken.
  Value codes(Value x, Value scale, Value old,
              function_ref<Value(Value share, Value seed)> encode) {
    SmallVector<Value> inputs(op.getGuards());
    size_t count = inputs.size();
    MLIRContext *context = r.b.getContext();
    SmallVector<AffineMap> maps(count, AffineMap::get(2, 0, context));
    AffineMap element = r.b.getMultiDimIdentityMap(2);
    AffineMap row = AffineMap::get(2, 0, r.b.getAffineDimExpr(0), context);
    inputs.append({x, scale, old, op.getSeed()});
    maps.append({element, row, element,
                 AffineMap::get(2, 0, r.b.getAffineConstantExpr(0), context),
                 element});
    Type code = elementOf(old);
    return r.generic(
        "pp", inputs, maps, r.empty(shape, code),
        [&](OpBuilder &b, ValueRange x) -> Value {
          ValueRange own = x.drop_front(count);
          Value zero = r.constant(type, 0);
          Value isEmpty = r.compare(arith::CmpFPredicate::OEQ, own[1], zero);
          Value share = r.select(isEmpty, zero, r.div(own[0], own[1]));
          Value narrow =
              arith::TruncIOp::create(b, r.loc, code, encode(share, own[3]));
          return r.select(isTaken(x.take_front(count)), narrow, own[2]);
        });
  }

  Value signedCodes(Value x, Value scale) {
    return codes(x, scale, op.getMoment1(), [&](Value share, Value) -> Value {
      Value code = sign.encode(
          math::AbsFOp::create(r.b, r.loc, share), [&](Value y) -> Value {
            return math::RoundEvenOp::create(r.b, r.loc, y);
          });
      Value isNegative =
          r.compare(arith::CmpFPredicate::OLT, share, r.constant(type, 0));
      Value negative =
          arith::SubIOp::create(r.b, r.loc, r.constant(int32_t(0)), code);
      return r.select(isNegative, negative, code);
    });
  }

  Value unsignedCodes(Value x, Value scale) {
    return codes(x, scale, op.getMoment2(), [&](Value share, Value seed) {
      return unsign.encode(
          share, [&](Value y) { return r.roundStochastically(y, seed); });
    });
  }

  Value widen(Value code) {
    return arith::ExtUIOp::create(r.b, r.loc, r.b.getI32Type(), code);
  }

  Value signedValue(Value code, Value scale) {
    Value wide = arith::ExtSIOp::create(r.b, r.loc, r.b.getI32Type(), code);
    Value zero = r.constant(int32_t(0));
    Value negative = arith::SubIOp::create(r.b, r.loc, zero, wide);
    Value isNegative = r.compare(arith::CmpIPredicate::slt, wide, zero);
    Value magnitude = sign.decode(r.select(isNegative, negative, wide));
    return r.mul(r.select(isNegative, r.neg(magnitude), magnitude), scale);
  }

  Reference r;
  BlockwiseAdamWOp op;
  Type type;
  ArrayRef<int64_t> shape;
  DynamicCode sign, unsign;
};

} // namespace

SmallVector<Value> BlockwiseAdamWOp::decompose(OpBuilder &b) {
  return BlockwiseAdamW(b, *this).build();
}
