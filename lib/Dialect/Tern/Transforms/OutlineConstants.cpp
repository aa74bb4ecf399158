//===- OutlineConstants.cpp - Constants as parameters ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-outline-constants.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_OUTLINECONSTANTSPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

struct OutlineConstants
    : sterna::tern::impl::OutlineConstantsPassBase<OutlineConstants> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      for (auto constant : llvm::make_early_inc_range(
               function.front().getOps<arith::ConstantOp>()))
        outline(constant, symbols);
    }
  }

private:
  void outline(arith::ConstantOp constant, SymbolTable &symbols) {
    auto type = dyn_cast<RankedTensorType>(constant.getType());
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!type || !elements || elements.isSplat() || elements.empty())
      return;
    auto [param, isNew] = params.try_emplace(elements);
    if (isNew) {
      OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
      param->second =
          ParamOp::create(b, constant.getLoc(), "constant", type, elements);
      symbols.insert(param->second);
    }
    OpBuilder b(constant);
    constant.replaceAllUsesWith(GetParamOp::create(b, constant.getLoc(), type,
                                                   param->second.getSymName())
                                    .getResult());
    constant.erase();
  }

  llvm::DenseMap<Attribute, ParamOp> params;
};

} // namespace
