//===- Schedule.cpp - Place every buffer ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-schedule: program functions on tensors become
// plan.programs on placed buffers, stage by stage.
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna::plan;

namespace {

struct Schedule : sterna::plan::impl::SchedulePassBase<Schedule> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions = getProgramFunctions(getOperation());
    SymbolTable kernels(getOperation());
    FailureOr<SharedSpaces> shared = placeShared(getOperation(), functions);
    if (failed(shared))
      return signalPassFailure();
    InPlaceKernels inPlace(kernels);
    for (func::FuncOp function : functions) {
      Liveness liveness = computeLiveness(function, inPlace);
      FailureOr<Placement> placement = placeValues(function, liveness, *shared);
      if (failed(placement))
        return signalPassFailure();
      useInPlaceKernels(function, liveness, inPlace);
      emitProgram(function, *placement, kernels);
      function.erase();
    }
    eraseUnused();
  }

  /// Kernels of which all dispatches run variants have no use left.
  void eraseUnused() {
    llvm::StringSet<> launched;
    getOperation().walk(
        [&](LaunchOp launch) { launched.insert(launch.getKernel()); });
    for (auto kernel :
         llvm::make_early_inc_range(getOperation().getOps<KernelOp>()))
      if (!launched.contains(kernel.getSymName()))
        kernel.erase();
  }
};

} // namespace
