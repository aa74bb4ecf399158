//===- RunTargetPipelines.cpp - What each target adds to a phase ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-run-target-pipelines.
//
//===----------------------------------------------------------------------===//

#include "sterna/Pipelines/Pipelines.h"
#include "sterna/Target/Target.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_RUNTARGETPIPELINESPASS
#include "sterna/Pipelines/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

struct RunTargetPipelines
    : sterna::impl::RunTargetPipelinesPassBase<RunTargetPipelines> {
  using RunTargetPipelinesPassBase::RunTargetPipelinesPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    for (const std::unique_ptr<Target> &target : getTargets())
      target->getDependentDialects(registry);
  }

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run() {
    std::optional<Phase> known = symbolizePhase(phase);
    if (known != Phase::Dispatch && known != Phase::Codegen)
      return getOperation().emitError("expected the phase 'dispatch' or "
                                      "'codegen', but got '")
             << phase << "'";
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(getOperation());
    if (failed(plans))
      return failure();
    for (const TargetPlan &plan : *plans) {
      OpPassManager manager(ModuleOp::getOperationName());
      if (known == Phase::Dispatch)
        plan.target->buildDispatchPipeline(manager, plan.attribute);
      else
        plan.target->buildCodegenPipeline(manager, plan.attribute);
      if (failed(runPipeline(manager, plan.module)))
        return failure();
    }
    return success();
  }
};

} // namespace
