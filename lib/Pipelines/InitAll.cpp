//===- InitAll.cpp - Registration of everything in Sterna -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One place, so that no tool knows less than another.
//
//===----------------------------------------------------------------------===//

#include "sterna/InitAll.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "sterna/Autodiff/Passes.h"
#include "sterna/Autodiff/Rules.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Codegen/Portable/Passes.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Import/ONNX/Passes.h"
#include "sterna/Pipelines/Pipelines.h"
#include "sterna/Target/Target.h"

void sterna::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<tern::TernDialect, plan::PlanDialect>();
  registerAutodiffRules(registry);
}

void sterna::registerAllPasses() {
  mlir::registerAllPasses();
  registerAutodiffPasses();
  cpu::registerCPUPasses();
  sterna::gpu::registerGPUPasses();
  registerPortableCodegenPasses();
  registerONNXPasses();
  tern::registerTernPasses();
  plan::registerPlanPasses();
  registerAllTargets();
  registerPipelinesPasses();
  registerPhases();
}
