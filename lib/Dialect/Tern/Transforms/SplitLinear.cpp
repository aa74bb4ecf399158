//===- SplitLinear.cpp - Split tern.linear into quantizer and product -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-split-linear.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_SPLITLINEARPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

namespace {

struct SplitLinear : sterna::tern::impl::SplitLinearPassBase<SplitLinear> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](sterna::tern::LinearOp op) {
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, op.decompose(rewriter));
      ++numSplit;
    });
  }
};

} // namespace
