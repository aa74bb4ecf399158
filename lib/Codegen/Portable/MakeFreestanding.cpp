//===- MakeFreestanding.cpp - Replace what would become library calls -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-make-freestanding.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Portable/Passes.h"
#include "sterna/Codegen/Portable/WidenF16.h"

#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_MAKEFREESTANDINGPASS
#include "sterna/Codegen/Portable/Passes.h.inc"
} // namespace sterna

namespace {

struct CopyToLoops : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::CopyOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getSource() == op.getTarget())
      rewriter.eraseOp(op);
    else
      rewriter.replaceOp(op, linalg::makeMemRefCopyOp(rewriter, op.getLoc(),
                                                      op.getSource(),
                                                      op.getTarget()));
    return success();
  }
};

/// As upstream does it with math.fma.
struct ExpandVectorFma : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::FMAOp op,
                                PatternRewriter &rewriter) const override {
    Value product =
        arith::MulFOp::create(rewriter, op.getLoc(), op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getAcc());
    return success();
  }
};

struct ExpandF16 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getIn().getType();
    if (!getElementTypeOrSelf(type).isF16() ||
        !getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "expected f16 widened to f32");
    auto withElements = [&](unsigned bits) -> Type {
      Type element = rewriter.getIntegerType(bits);
      if (auto shaped = dyn_cast<ShapedType>(type))
        return shaped.clone(element);
      return element;
    };
    Location loc = op.getLoc();
    Value bits =
        arith::BitcastOp::create(rewriter, loc, withElements(16), op.getIn());
    bits = arith::ExtUIOp::create(rewriter, loc, withElements(32), bits);
    rewriter.replaceOp(op, sterna::widenF16(rewriter, loc, bits));
    return success();
  }
};

struct MakeFreestanding
    : sterna::impl::MakeFreestandingPassBase<MakeFreestanding> {
  using MakeFreestandingPassBase::MakeFreestandingPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<CopyToLoops>(context);
    if (expandFma) {
      math::populateExpansionPatterns(set, {"fma"});
      set.add<ExpandVectorFma>(context);
    }
    if (expandF16)
      set.add<ExpandF16>(context);
    populateMathPolynomialApproximationPatterns(set, [](StringRef name) {
      return name == math::ExpOp::getOperationName() ||
             name == math::LogOp::getOperationName();
    });
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
