//===- LowerKernels.cpp - From kernel functions to the LLVM dialect -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-lower-cpu-kernels: upstream passes in order; the
// only steps of our own are places of temporaries, what a level has no
// instruction for, and the library's ABI.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/Portable/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace sterna::cpu {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

using namespace sterna;

static void buildPipeline(OpPassManager &manager, const cpu::Level &level) {
  buildBufferizePipeline(manager);
  manager.addPass(cpu::createPlaceTemporariesPass());
  MakeFreestandingPassOptions freestanding;
  freestanding.expandFma = !level.hasFma;
  freestanding.expandF16 = !level.hasF16;
  manager.addNestedPass<func::FuncOp>(createMakeFreestandingPass(freestanding));
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  manager.addNestedPass<func::FuncOp>(memref::createFoldMemRefAliasOpsPass());
  manager.addPass(createConvertVectorToSCFPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  ConvertFuncToLLVMPassOptions bare;
  bare.useBarePtrCallConv = true;
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass(bare));
  manager.addPass(createConvertToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(cpu::createFinishKernelsPass());
}

namespace {

struct LowerKernels : cpu::impl::LowerKernelsPassBase<LowerKernels> {
  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsPassBase::getDependentDialects(registry);
    OpPassManager manager(ModuleOp::getOperationName());
    buildPipeline(manager, cpu::getLevels().front());
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    for (auto kernels : getOperation().getOps<ModuleOp>()) {
      const cpu::Level *level =
          cpu::findLevel(kernels.getSymName().value_or(""));
      if (!level)
        continue;
      OpPassManager manager(ModuleOp::getOperationName());
      buildPipeline(manager, *level);
      if (failed(runPipeline(manager, kernels)))
        return signalPassFailure();
      recordScratch(kernels, level->name);
    }
  }

private:
  /// Moves each function's need of scratch to its kernel.
  void recordScratch(ModuleOp kernels, StringRef level) {
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      auto function =
          kernels.lookupSymbol<LLVM::LLVMFuncOp>(kernel.getSymName());
      if (!function)
        continue;
      NamedAttrList facts(kernel->getAttrOfType<DictionaryAttr>(level));
      facts.set("scratch", function->removeAttr(cpu::scratchAttr));
      kernel->setAttr(level, facts.getDictionary(&getContext()));
    }
  }
};

} // namespace
