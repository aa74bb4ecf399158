//===- EmulateWideIntegers.cpp - 64 bits in two words ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-emulate-wide-integers: upstream's patterns, with
// those of loops and branches, which upstream's pass lacks.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/WideIntEmulationConverter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_EMULATEWIDEINTEGERSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

namespace {

struct EmulateWideIntegers
    : sterna::gpu::impl::EmulateWideIntegersPassBase<EmulateWideIntegers> {
  void runOnOperation() override {
    arith::WideIntEmulationConverter types(/*widestIntSupportedByTarget=*/32);
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal(
        [&](Operation *op) { return types.isLegal(op); });
    RewritePatternSet patterns(&getContext());
    arith::populateArithWideIntEmulationPatterns(types, patterns);
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns,
                                                         target);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
