//===- WidenNarrowIntegers.cpp - 8 and 16 bits in a word ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-widen-narrow-integers.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_WIDENNARROWINTEGERSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

namespace {

bool isNarrow(Type type) { return type.isInteger(8) || type.isInteger(16); }

Value widen(PatternRewriter &b, Location loc, Value x, bool isSigned) {
  if (isSigned)
    return arith::ExtSIOp::create(b, loc, b.getI32Type(), x);
  return arith::ExtUIOp::create(b, loc, b.getI32Type(), x);
}

/// An op whose result depends on what is above its operands' bits.
template <typename Op, bool isSigned>
struct WidenBinary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!isNarrow(op.getType()))
      return failure();
    Value wide =
        Op::create(b, op.getLoc(), widen(b, op.getLoc(), op.getLhs(), isSigned),
                   widen(b, op.getLoc(), op.getRhs(), isSigned));
    b.replaceOpWithNewOp<arith::TruncIOp>(op, op.getType(), wide);
    return success();
  }
};

struct WidenCompare : OpRewritePattern<arith::CmpIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::CmpIOp op,
                                PatternRewriter &b) const override {
    if (!isNarrow(op.getLhs().getType()))
      return failure();
    arith::CmpIPredicate predicate = op.getPredicate();
    bool isSigned = predicate >= arith::CmpIPredicate::slt &&
                    predicate <= arith::CmpIPredicate::sge;
    b.replaceOpWithNewOp<arith::CmpIOp>(
        op, predicate, widen(b, op.getLoc(), op.getLhs(), isSigned),
        widen(b, op.getLoc(), op.getRhs(), isSigned));
    return success();
  }
};

template <typename Op, bool isSigned>
struct WidenToFloat : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!isNarrow(op.getIn().getType()))
      return failure();
    b.replaceOpWithNewOp<Op>(op, op.getType(),
                             widen(b, op.getLoc(), op.getIn(), isSigned));
    return success();
  }
};

template <typename Op> struct WidenFromFloat : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!isNarrow(op.getType()))
      return failure();
    Value wide = Op::create(b, op.getLoc(), b.getI32Type(), op.getIn());
    b.replaceOpWithNewOp<arith::TruncIOp>(op, op.getType(), wide);
    return success();
  }
};

struct WidenNarrowIntegers
    : sterna::gpu::impl::WidenNarrowIntegersPassBase<WidenNarrowIntegers> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<
        WidenBinary<arith::DivSIOp, true>, WidenBinary<arith::DivUIOp, false>,
        WidenBinary<arith::MaxSIOp, true>, WidenBinary<arith::MaxUIOp, false>,
        WidenBinary<arith::MinSIOp, true>, WidenBinary<arith::MinUIOp, false>,
        WidenBinary<arith::RemSIOp, true>, WidenBinary<arith::RemUIOp, false>,
        WidenBinary<arith::ShLIOp, false>, WidenBinary<arith::ShRSIOp, true>,
        WidenBinary<arith::ShRUIOp, false>, WidenCompare,
        WidenFromFloat<arith::FPToSIOp>, WidenFromFloat<arith::FPToUIOp>,
        WidenToFloat<arith::SIToFPOp, true>,
        WidenToFloat<arith::UIToFPOp, false>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
