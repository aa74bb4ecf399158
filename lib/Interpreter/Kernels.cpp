//===- Kernels.cpp - Kernels as functions ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel differs from a function in its terminator and its tied results.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "sterna/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace sterna;

static void convertKernel(plan::KernelOp kernel) {
  OpBuilder b(kernel);
  auto type = b.getFunctionType(kernel.getBodyBlock()->getArgumentTypes(),
                                kernel.getResultTypes());
  auto function =
      func::FuncOp::create(b, kernel.getLoc(), kernel.getSymName(), type);
  function.setPrivate();
  function.getBody().takeBody(kernel.getBody());
  Operation *yield = function.getBody().front().getTerminator();
  b.setInsertionPoint(yield);
  func::ReturnOp::create(b, yield->getLoc(), yield->getOperands());
  yield->erase();
  kernel.erase();
}

void sterna::convertKernels(ModuleOp module) {
  module->getContext()->loadDialect<func::FuncDialect>();
  for (auto kernel :
       llvm::make_early_inc_range(module.getOps<plan::KernelOp>()))
    convertKernel(kernel);
}

void sterna::convertDispatches(func::FuncOp function) {
  function.walk([](plan::DispatchOp op) {
    OpBuilder b(op);
    auto call = func::CallOp::create(b, op.getLoc(), op.getKernel(),
                                     op.getResultTypes(), op.getInputs());
    op.replaceAllUsesWith(call.getResults());
    op.erase();
  });
}
