//===- LowerKernels.cpp - From kernel functions to SPIR-V -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-lower-gpu-kernels: upstream passes in order; the
// steps of our own are the invocations, the words and the conversion, for which
// upstream has patterns but no fitting pass.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Codegen/Portable/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

static void buildPipeline(OpPassManager &manager) {
  buildBufferizePipeline(manager);
  // Vulkan has halves and bytes by extensions alone.
  MakeFreestandingPassOptions freestanding;
  freestanding.expandF16 = true;
  manager.addNestedPass<func::FuncOp>(createMakeFreestandingPass(freestanding));
  manager.addNestedPass<func::FuncOp>(sterna::gpu::createDistributeLoopsPass());
  manager.addNestedPass<func::FuncOp>(memref::createFoldMemRefAliasOpsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(sterna::gpu::createLowerMemoryPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(
      sterna::gpu::createWidenNarrowIntegersPass());
  manager.addNestedPass<func::FuncOp>(
      sterna::gpu::createEmulateWideIntegersPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  manager.addPass(sterna::gpu::createConvertToSPIRVPass());
  OpPassManager &code = manager.nest<spirv::ModuleOp>();
  code.addPass(spirv::createSPIRVLowerABIAttributesPass());
  code.addPass(createCanonicalizerPass());
  code.addPass(createCSEPass());
}

namespace {

struct LowerKernels : sterna::gpu::impl::LowerKernelsPassBase<LowerKernels> {
  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsPassBase::getDependentDialects(registry);
    OpPassManager manager(ModuleOp::getOperationName());
    buildPipeline(manager);
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    auto kernels = getOperation().lookupSymbol<ModuleOp>("vulkan_kernels");
    OpPassManager manager(ModuleOp::getOperationName());
    buildPipeline(manager);
    if (kernels && failed(runPipeline(manager, kernels)))
      signalPassFailure();
  }
};

} // namespace
