//===- AssignLayouts.cpp - Packed layouts of ternary parameters -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-assign-layouts.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"

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
    auto emitError = [&] { return getOperation()->emitError(); };
    if (failed(PanelAttr::verify(emitError, rows, columns)))
      return signalPassFailure();
    layout = PanelAttr::get(&getContext(), rows, columns);
    groupLayout = PanelAttr::get(&getContext(), rows, 16);
    findGrouped();
    for (auto param : getOperation().getOps<ParamOp>())
      param.setType(packed(param.getType(), param.getSymName()));
    getOperation().walk([&](GetParamOp op) {
      op.getResult().setType(packed(op.getType(), op.getParam()));
    });
  }

private:
  /// Collects the parameters whose scales change along a row.
  void findGrouped() {
    getOperation().walk([&](GetParamOp op) {
      for (Operation *user : op->getUsers())
        if (user->hasAttr("group"))
          grouped.insert(op.getParam());
    });
  }

  /// `type` with the layout of parameter `name` when it is ternary and has
  /// none.
  RankedTensorType packed(RankedTensorType type, StringRef name) const {
    if (!isa<TritType>(type.getElementType()) || type.getEncoding())
      return type;
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 grouped.contains(name) ? groupLayout : layout);
  }

  PanelAttr layout, groupLayout;
  llvm::StringSet<> grouped;
};

} // namespace
