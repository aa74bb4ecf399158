//===- Recompute.cpp - Recompute activations in the backward pass ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-recompute: decides, and does what was decided.
//
//===----------------------------------------------------------------------===//

#include "Decide.h"
#include "Place.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "llvm/Support/Format.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_RECOMPUTEPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

constexpr StringLiteral trainPrograms[] = {"train_micro", "train_apply",
                                           "train_step"};

struct Recompute : sterna::plan::impl::RecomputePassBase<Recompute> {
  using RecomputePassBase::RecomputePassBase;

  void runOnOperation() override {
    Builder b(&getContext());
    Type element = savedType == "f32"    ? Type(b.getF32Type())
                   : savedType == "bf16" ? Type(b.getBF16Type())
                   : savedType == "int8" ? Type(b.getI8Type())
                                         : Type();
    if (!element) {
      getOperation()->emitError("expected saved-type=f32, bf16 or int8, but "
                                "got saved-type=")
          << savedType;
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    SavedType saved(symbols, element);
    for (func::FuncOp function : getProgramFunctions(getOperation())) {
      FailureOr<Recomputed> recomputed = decide(function, symbols, saved);
      if (failed(recomputed))
        return signalPassFailure();
      numCloned += rematerialize(function, *recomputed);
      numNarrowed += narrowSaved(function, saved);
    }
  }

private:
  FailureOr<Recomputed> decide(func::FuncOp function, SymbolTable &symbols,
                               SavedType &saved) {
    Recomputed none(llvm::range_size(function.front()));
    if (!enabled || function.getOps<tern::CheckpointOp>().empty() ||
        getBackwardOps(function).empty())
      return none;
    if (budget == 0)
      return decideByCheckpoints(function);
    int64_t fixed = getFixedBytes();
    Budgeted best = decideByBudget(function, symbols, saved,
                                   std::max<int64_t>(budget - fixed, 0));
    if (budget > 0 && best.arenaBytes + fixed > budget)
      return refuse(function, best.arenaBytes + fixed);
    return std::move(best.recomputed);
  }

  /// What a process that trains needs beside its arena, whatever is decided.
  int64_t getFixedBytes() {
    SmallVector<func::FuncOp> functions;
    for (StringRef name : trainPrograms)
      if (auto function = getOperation().lookupSymbol<func::FuncOp>(name))
        functions.push_back(function);
    return measureFixed(functions) + processBytes;
  }

  LogicalResult refuse(func::FuncOp function, int64_t smallest) {
    // Rounded up, so that what is named works.
    int64_t mebibytes = llvm::divideCeil(smallest, 1 << 20);
    return function.emitError("training does not fit into ")
           << (budget >> 20) << " MiB; the smallest budget for these sizes is "
           << mebibytes
           << " MiB. A shorter --seq-len, a smaller --lora-rank, fewer "
              "--lora-targets, --weight-layout=base3, --head-type=int8, "
              "--saved-type=bf16, --optimizer-state=int8 or "
              "--grad-clip-mode=previous lower it";
  }
};

} // namespace
