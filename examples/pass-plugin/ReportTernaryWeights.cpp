//===- ReportTernaryWeights.cpp - A pass outside of the tree --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The example of "Write a pass in ten minutes" in the README: a pass over the
// tern dialect in a shared library of its own, which sterna-opt loads with
// --load-pass-plugin. It reports how many bytes of ternary weights each linear
// and each function read: what bounds the speed of generation.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace sterna;

namespace {

/// Bytes of a ternary matrix: as its layout packs it, or two bits a trit while
/// it has none.
int64_t getWeightBytes(RankedTensorType type) {
  if (auto panel = dyn_cast_or_null<tern::PanelAttr>(type.getEncoding()))
    return panel.getPackedBytes(type.getDimSize(0), type.getDimSize(1));
  return llvm::divideCeil(type.getNumElements(), 4);
}

struct ReportTernaryWeights
    : PassWrapper<ReportTernaryWeights, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReportTernaryWeights)

  StringRef getArgument() const override { return "report-ternary-weights"; }
  StringRef getDescription() const override {
    return "Report the bytes of ternary weights that a function reads";
  }

  void runOnOperation() override {
    int64_t total = 0;
    getOperation().walk([&](tern::LinearOp linear) {
      int64_t bytes = getWeightBytes(linear.getWeight().getType());
      linear.emitRemark() << "reads " << bytes << " bytes of ternary weights";
      total += bytes;
    });
    if (total != 0)
      getOperation().emitRemark()
          << "reads " << total << " bytes of ternary weights in all";
    markAllAnalysesPreserved();
  }
};

} // namespace

/// The function that --load-pass-plugin looks for.
extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "report-ternary-weights",
          LLVM_VERSION_STRING,
          [] { PassRegistration<ReportTernaryWeights>(); }};
}
