//===- DoubleMath.cpp - Functions of f64 by arithmetic --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Range reduction by powers of two and series, as in Muller et al., Elementary
// Functions (3rd edition, 2016), chapter 11. No fused multiply-add: results are
// those of every machine.
//
//===----------------------------------------------------------------------===//

#include "DoubleMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;

namespace {

constexpr double ln2High = 6.93147180369123816490e-01; // 33 bits
constexpr double ln2Low = 1.90821492927058770002e-10;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Arithmetic of f64 and of its bits.
struct Doubles {
  OpBuilder &b;
  Location loc;

  Value c(double value) const {
    return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
  }
  Value bits(int64_t value) const {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
  }
  Value add(Value x, Value y) const {
    return arith::AddFOp::create(b, loc, x, y);
  }
  Value sub(Value x, Value y) const {
    return arith::SubFOp::create(b, loc, x, y);
  }
  Value mul(Value x, Value y) const {
    return arith::MulFOp::create(b, loc, x, y);
  }
  Value select(Value condition, Value x, Value y) const {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value is(arith::CmpFPredicate predicate, Value x, double y) const {
    return arith::CmpFOp::create(b, loc, predicate, x, c(y));
  }
  Value toBits(Value x) const {
    return arith::BitcastOp::create(b, loc, b.getI64Type(), x);
  }
  Value fromBits(Value x) const {
    return arith::BitcastOp::create(b, loc, b.getF64Type(), x);
  }
  /// 2^n, for n from -1022 to 1023.
  Value power(Value n) const {
    Value biased = arith::AddIOp::create(b, loc, n, bits(1023));
    return fromBits(arith::ShLIOp::create(b, loc, biased, bits(52)));
  }
};

struct ExpPattern : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF64())
      return rewriter.notifyMatchFailure(op, "expected f64");
    Location loc = op.getLoc();
    Doubles d{rewriter, loc};
    // Beyond these the result is 0 or infinity.
    Value x = op.getOperand();
    Value low =
        d.select(d.is(arith::CmpFPredicate::OLT, x, -750), d.c(-750), x);
    Value near =
        d.select(d.is(arith::CmpFPredicate::OGT, low, 715), d.c(715), low);
    Value isNaN =
        arith::CmpFOp::create(rewriter, loc, arith::CmpFPredicate::UNO, x, x);
    near = d.select(isNaN, d.c(0), near);
    // x = n ln 2 + r, with |r| at most ln 2 / 2.
    Value whole = math::RoundEvenOp::create(
        rewriter, loc, d.mul(near, d.c(1.44269504088896338700)));
    Value r = d.sub(d.sub(near, d.mul(whole, d.c(ln2High))),
                    d.mul(whole, d.c(ln2Low)));
    double factorial = 1;
    SmallVector<double> factors{1};
    for (int i = 1; i <= 13; ++i)
      factors.push_back(1 / (factorial *= i));
    Value sum = d.c(factors.back());
    for (double factor : llvm::reverse(ArrayRef(factors).drop_back()))
      sum = d.add(d.mul(sum, r), d.c(factor));
    // In two steps, so that neither factor overflows.
    Value n =
        arith::FPToSIOp::create(rewriter, loc, rewriter.getI64Type(), whole);
    Value half = arith::ShRSIOp::create(rewriter, loc, n, d.bits(1));
    Value rest = arith::SubIOp::create(rewriter, loc, n, half);
    Value result = d.mul(d.mul(sum, d.power(half)), d.power(rest));
    rewriter.replaceOp(op, d.select(isNaN, x, result));
    return success();
  }
};

struct LogPattern : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::LogOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF64())
      return rewriter.notifyMatchFailure(op, "expected f64");
    Location loc = op.getLoc();
    Doubles d{rewriter, loc};
    Value x = op.getOperand();
    // Numbers below the smallest normal one have no exponent of their own.
    Value isSmall = d.is(arith::CmpFPredicate::OLT, x, 0x1p-1022);
    Value normal = d.select(isSmall, d.mul(x, d.c(0x1p54)), x);
    Value bits = d.toBits(normal);
    // x = 2^e m, with m from sqrt(1/2) to sqrt(2).
    Value e = arith::ShRSIOp::create(rewriter, loc, bits, d.bits(52));
    e = arith::SubIOp::create(rewriter, loc, e, d.bits(1023));
    Value mantissa =
        arith::AndIOp::create(rewriter, loc, bits, d.bits(0x000fffffffffffff));
    Value m = d.fromBits(arith::OrIOp::create(rewriter, loc, mantissa,
                                              d.bits(0x3ff0000000000000)));
    Value isLarge = d.is(arith::CmpFPredicate::OGT, m, 1.41421356237309504880);
    m = d.select(isLarge, d.mul(m, d.c(0.5)), m);
    Value exponent =
        arith::SIToFPOp::create(rewriter, loc, rewriter.getF64Type(), e);
    exponent = d.select(isLarge, d.add(exponent, d.c(1)), exponent);
    exponent = d.select(isSmall, d.sub(exponent, d.c(54)), exponent);
    // log m = 2 atanh s, with s = (m - 1) / (m + 1).
    Value s = arith::DivFOp::create(rewriter, loc, d.sub(m, d.c(1)),
                                    d.add(m, d.c(1)));
    Value z = d.mul(s, s);
    Value sum = d.c(2.0 / 23);
    for (int i = 21; i >= 3; i -= 2)
      sum = d.add(d.mul(sum, z), d.c(2.0 / i));
    Value tail = d.mul(d.mul(s, z), sum);
    Value fine = d.add(tail, d.mul(exponent, d.c(ln2Low)));
    Value result =
        d.add(d.mul(exponent, d.c(ln2High)), d.add(d.mul(s, d.c(2)), fine));
    result = d.select(d.is(arith::CmpFPredicate::OEQ, x, infinity), x, result);
    result =
        d.select(d.is(arith::CmpFPredicate::OEQ, x, 0), d.c(-infinity), result);
    // Negative, or no number.
    Value nan = d.c(std::numeric_limits<double>::quiet_NaN());
    result = d.select(d.is(arith::CmpFPredicate::ULT, x, 0), nan, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

} // namespace

void sterna::populateDoubleMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpPattern, LogPattern>(patterns.getContext());
}
