//===- MakeFreestanding.cpp - Replace what would become library calls -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-make-freestanding.
//
//===----------------------------------------------------------------------===//

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

struct MakeFreestanding
    : sterna::impl::MakeFreestandingPassBase<MakeFreestanding> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<CopyToLoops>(context);
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
