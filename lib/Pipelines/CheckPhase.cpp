//===- CheckPhase.cpp - What must hold at the end of a phase --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-check-phase.
//
//===----------------------------------------------------------------------===//

#include "sterna/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Target/Target.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_CHECKPHASEPASS
#include "sterna/Pipelines/Passes.h.inc"
} // namespace sterna

using namespace sterna;

/// Whether `op`, outside of any kernel, may stand at the end of `phase`.
static bool isAllowed(Operation *op, Phase phase) {
  if (phase < Phase::Optimize)
    return op->getDialect()->getNamespace() != "plan";
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
    if (failed(*known < Phase::Dispatch ? check(getOperation(), *known, nullptr)
                                        : checkPlans(*known)))
      return signalPassFailure();
    getOperation()->setAttr(tern::phaseAttr,
                            StringAttr::get(&getContext(), phase));
  }

private:
  LogicalResult checkPlans(Phase after) {
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(getOperation());
    if (failed(plans))
      return failure();
    for (Operation &op : *getOperation().getBody())
      if (llvm::none_of(*plans, [&](const TargetPlan &plan) {
            return plan.module == &op;
          }))
        return reject(&op);
    for (const TargetPlan &plan : *plans)
      if (failed(check(plan.module, after, plan.target)))
        return failure();
    return success();
  }

  /// Checks `module`, which from the phase dispatch on is a plan for `target`.
  LogicalResult check(ModuleOp module, Phase after, const Target *target) {
    WalkResult result =
        module.walk<WalkOrder::PreOrder>([&](Operation *op) -> WalkResult {
          if (!isAllowed(op, after))
            return WalkResult(reject(op));
          if (isa<plan::KernelOp>(op))
            return WalkResult::skip();
          if (!isa<ModuleOp>(op) || op == module)
            return WalkResult::advance();
          if (target && succeeded(checkKernels(cast<ModuleOp>(op), *target)))
            return WalkResult::skip();
          return target ? WalkResult::interrupt() : WalkResult(reject(op));
        });
    return failure(result.wasInterrupted());
  }

  /// A module inside of a plan holds kernels as their target's code generator
  /// takes them.
  LogicalResult checkKernels(ModuleOp kernels, const Target &target) {
    for (Operation &op : *kernels.getBody()) {
      WalkResult result = op.walk([&](Operation *nested) {
        return target.isLowered(nested) ? WalkResult::advance()
                                        : WalkResult(reject(nested));
      });
      if (result.wasInterrupted())
        return failure();
    }
    return success();
  }

  LogicalResult reject(Operation *op) {
    op->emitOpError() << "is not allowed after phase '" << phase << "'";
    return failure();
  }
};

} // namespace
