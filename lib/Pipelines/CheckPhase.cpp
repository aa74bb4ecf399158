//===- CheckPhase.cpp - What must hold at the end of a phase --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-check-phase.
//
//===----------------------------------------------------------------------===//

#include "sterna/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_CHECKPHASEPASS
#include "sterna/Pipelines/Passes.h.inc"
} // namespace sterna

using namespace sterna;

/// Whether `op`, outside of any kernel, may stand at the end of `phase`.
static bool isAllowed(Operation *op, Phase phase) {
  if (phase < Phase::Optimize)
    return op->getDialect()->getNamespace() != "plan" &&
           !isa<tern::QuantizeOp, tern::MatmulOp>(op);
  if (phase == Phase::Optimize)
    return op->getDialect()->getNamespace() != "plan" &&
           !isa<tern::LinearOp, tern::CrossEntropyOp>(op);
  if (phase == Phase::Dispatch)
    return isa<ModuleOp, func::FuncOp, func::ReturnOp, plan::KernelOp,
               plan::DispatchOp, tern::ParamOp, tern::GetParamOp,
               tern::CheckpointOp, tensor::ExpandShapeOp,
               tensor::CollapseShapeOp, tensor::ExtractSliceOp>(op);
  return isa<ModuleOp, tern::ParamOp>(op) ||
         op->getDialect()->getNamespace() == "plan";
}

namespace {

struct CheckPhase : sterna::impl::CheckPhasePassBase<CheckPhase> {
  using CheckPhasePassBase::CheckPhasePassBase;

  void runOnOperation() override {
    std::optional<Phase> known = symbolizePhase(phase);
    if (!known) {
      getOperation().emitError() << "unknown phase '" << phase << "'";
      return signalPassFailure();
    }
    auto reject = [&](Operation *op) {
      op->emitOpError() << "is not allowed after phase '" << phase << "'";
      return WalkResult::interrupt();
    };
    WalkResult result = getOperation().walk<WalkOrder::PreOrder>(
        [&](Operation *op) -> WalkResult {
          if (!isAllowed(op, *known))
            return reject(op);
          if (isa<plan::KernelOp>(op))
            return WalkResult::skip();
          if (isa<ModuleOp>(op) && op != getOperation())
            return checkKernels(cast<ModuleOp>(op), reject);
          return WalkResult::advance();
        });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// A nested module of lowered kernels holds the dialect of its target alone.
  static WalkResult checkKernels(ModuleOp kernels,
                                 function_ref<WalkResult(Operation *)> reject) {
    bool vulkan = kernels.getSymName() == "vulkan_kernels";
    for (Operation &op : *kernels.getBody()) {
      WalkResult result = op.walk([&](Operation *nested) {
        bool lowered = vulkan ? isa<spirv::SPIRVDialect>(nested->getDialect())
                              : isa<LLVM::LLVMDialect>(nested->getDialect());
        return lowered ? WalkResult::advance() : reject(nested);
      });
      if (result.wasInterrupted())
        return result;
    }
    return WalkResult::skip();
  }
};

} // namespace
