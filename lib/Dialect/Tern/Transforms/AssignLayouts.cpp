//===- AssignLayouts.cpp - Packed layouts of ternary parameters -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-assign-layouts.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

struct AssignLayouts
    : sterna::tern::impl::AssignLayoutsPassBase<AssignLayouts> {
  using AssignLayoutsPassBase::AssignLayoutsPassBase;

  void runOnOperation() override {
    layout = PanelAttr::get(&getContext(), rows, columns);
    for (auto param : getOperation().getOps<ParamOp>())
      param.setType(packed(param.getType()));
    getOperation().walk(
        [&](GetParamOp op) { op.getResult().setType(packed(op.getType())); });
  }

private:
  /// `type` with the layout when it is ternary.
  RankedTensorType packed(RankedTensorType type) const {
    if (!isa<TritType>(type.getElementType()))
      return type;
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 layout);
  }

  PanelAttr layout;
};

} // namespace
