//===- Decompose.cpp - Replace tern ops by reference decompositions -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass and pattern behind --sterna-decompose.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "sterna/Interfaces/DecomposableOpInterface.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna;

namespace {

struct DecomposePattern : OpInterfaceRewritePattern<DecomposableOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(DecomposableOpInterface op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, op.decompose(rewriter));
    return success();
  }
};

struct Decompose : tern::impl::DecomposePassBase<Decompose> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    tern::populateDecomposePatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    getOperation()->walk([&](DecomposableOpInterface) { ++numDecomposed; });
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace

void tern::populateDecomposePatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposePattern>(patterns.getContext());
  // Bufferization has no rule for tensor.concat.
  tensor::populateDecomposeTensorConcatPatterns(patterns);
}
