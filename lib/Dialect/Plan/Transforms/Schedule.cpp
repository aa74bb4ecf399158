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
    for (func::FuncOp function : functions) {
      FailureOr<Placement> placement =
          placeValues(function, computeLiveness(function), *shared);
      if (failed(placement))
        return signalPassFailure();
      emitProgram(function, *placement, kernels);
      function.erase();
    }
  }
};

} // namespace
