//===- Bufferize.cpp - Kernel functions from tensors to memrefs -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream passes in order.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Portable/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void sterna::buildBufferizePipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  // Before CSE: of two results that start from one tensor of zeros, the buffer
  // of one would hold the other while it is computed, and both would then be
  // copied over each other.
  manager.addNestedPass<func::FuncOp>(
      bufferization::createEmptyTensorEliminationPass());
  manager.addPass(createCSEPass());
  manager.addPass(bufferization::createOneShotBufferizePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createCanonicalizerPass());
}
