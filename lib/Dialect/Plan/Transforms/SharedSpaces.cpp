//===- SharedSpaces.cpp - Where weights and state lie ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SharedSpaces.h.
//
//===----------------------------------------------------------------------===//

#include "SharedSpaces.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

SharedSpaces::SharedSpaces(ModuleOp module, ArrayRef<func::FuncOp> functions) {
  placeWeights(module);
  placeState(module, functions);
}

void SharedSpaces::placeWeights(ModuleOp module) {
  Builder b(module.getContext());
  Cursor space;
  for (auto param : module.getOps<tern::ParamOp>()) {
    auto type = cast<RankedTensorType>(param.getType());
    int64_t offset = space.place(getBufferBytes(tern::getBufferType(type)));
    weights[param.getSymName()] = offset;
    param->setAttr("offset", b.getI64IntegerAttr(offset));
  }
  module->setAttr("plan.weights_bytes", b.getI64IntegerAttr(space.getSize()));
}

void SharedSpaces::placeState(ModuleOp module,
                              ArrayRef<func::FuncOp> functions) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Cursor space;
  for (func::FuncOp function : functions)
    for (BlockArgument argument : function.getArguments()) {
      auto description = function.getArgAttrOfType<DictionaryAttr>(
          argument.getArgNumber(), "tern.state");
      if (!description)
        continue;
      auto name = description.getAs<StringAttr>("name");
      auto [it, isNew] = state.try_emplace(name, 0);
      if (!isNew)
        continue;
      auto type = cast<RankedTensorType>(argument.getType());
      MemRefType buffer = tern::getBufferType(type);
      it->second = space.place(getBufferBytes(buffer));
      StateOp::create(b, argument.getLoc(), name, buffer, it->second,
                      description.getAs<StringAttr>("kind"),
                      description.getAs<IntegerAttr>("layer").getInt(),
                      description.getAs<StringAttr>("target"));
    }
  if (!state.empty())
    module->setAttr("plan.state_bytes", b.getI64IntegerAttr(space.getSize()));
}
