//===- MakeFreestanding.cpp - Replace what would become library calls -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-make-freestanding.
//
//===----------------------------------------------------------------------===//

#include "DoubleMath.h"

#include "sterna/Codegen/Portable/HalfPrecision.h"
#include "sterna/Codegen/Portable/Passes.h"

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

/// Rounds f32 to floats of 16 bits, `Half`, by `narrow`.
template <typename Half, Value (*narrow)(OpBuilder &, Location, Value)>
struct NarrowToHalf : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern<arith::TruncFOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!isa<Half>(getElementTypeOrSelf(type)) ||
        !getElementTypeOrSelf(op.getIn().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "expected f32 made narrower");
    Type words = rewriter.getI16Type();
    if (auto shaped = dyn_cast<ShapedType>(type))
      words = shaped.clone(words);
    Value bits = narrow(rewriter, op.getLoc(), op.getIn());
    bits = arith::TruncIOp::create(rewriter, op.getLoc(), words, bits);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, bits);
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
      set.add<ExpandF16, NarrowToHalf<Float16Type, sterna::narrowF16>>(context);
    // Functions of one number that no machine has an instruction for; a tangent
    // becomes a sine and a cosine.
    math::populateExpansionPatterns(set, {"tan"});
    populateMathPolynomialApproximationPatterns(
        set, [](StringRef name) { return name.starts_with("math."); });
    sterna::populateDoubleMathPatterns(set);
    set.add<NarrowToHalf<BFloat16Type, sterna::narrowBF16>>(context);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([](Operation *op) {
      return needsLibrary(op) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// Whether `op` would be a call of libm, which is an error.
  static bool needsLibrary(Operation *op) {
    bool isFunction =
        isa<math::AcosOp, math::AcoshOp, math::AsinOp, math::AsinhOp,
            math::AtanOp, math::AtanhOp, math::CosOp, math::CoshOp, math::ErfOp,
            math::ExpOp, math::LogOp, math::PowFOp, math::SinOp, math::SinhOp,
            math::TanOp, math::TanhOp, arith::RemFOp>(op);
    if (isFunction)
      op->emitError("no kernel computes '")
          << op->getName() << "' of " << op->getResult(0).getType();
    return isFunction;
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
