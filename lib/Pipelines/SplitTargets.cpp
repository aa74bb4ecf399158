//===- SplitTargets.cpp - Give each target a module of its own ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-split-targets.
//
//===----------------------------------------------------------------------===//

#include "sterna/Pipelines/Pipelines.h"
#include "sterna/Target/Target.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_SPLITTARGETSPASS
#include "sterna/Pipelines/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

struct SplitTargets : sterna::impl::SplitTargetsPassBase<SplitTargets> {
  using SplitTargetsPassBase::SplitTargetsPassBase;

  void runOnOperation() override {
    TargetOptions options{weightLayout, tuned, deviceFacts};
    SmallVector<std::string> choices(targets.begin(), targets.end());
    auto attributes = describeTargets(&getContext(), choices, options);
    if (!attributes) {
      getOperation().emitError() << llvm::toString(attributes.takeError());
      return signalPassFailure();
    }
    ModuleOp whole = getOperation();
    auto first = ModuleOp::create(whole.getLoc());
    first.getBody()->getOperations().splice(first.getBody()->begin(),
                                            whole.getBody()->getOperations());
    for (auto [index, attribute] : llvm::enumerate(*attributes)) {
      // The last takes the original, so that one target costs no copy.
      bool isLast = index + 1 == attributes->size();
      ModuleOp part = isLast ? first : first.clone();
      part.setSymName(attribute.getName());
      part->setAttr(plan::targetAttr, attribute);
      whole.push_back(part);
    }
  }
};

} // namespace
