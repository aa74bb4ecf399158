//===- Raising.cpp - What passes that raise graphs share ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Raising.h.
//
//===----------------------------------------------------------------------===//

#include "Raising.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/ONNX/Passes.h"

using namespace mlir;
using namespace sterna;

void sterna::buildRaisingPipeline(OpPassManager &manager) {
  manager.addPass(createRaiseNormsPass());
  manager.addPass(createRaiseLinearsPass());
  manager.addPass(createRaiseIntegerProductsPass());
}

void Replacements::replace(Value old, Value value) {
  old.replaceAllUsesWith(value);
  values[old] = value;
}

Value Replacements::lookUp(Value value) const {
  Value replaced = values.lookup(value);
  return replaced ? replaced : value;
}

func::FuncOp sterna::findGraph(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  return main && !main.isExternal() ? main : func::FuncOp();
}

void sterna::eraseUnused(func::FuncOp function) {
  llvm::SetVector<StringAttr> names;
  for (auto get : function.getOps<tern::GetParamOp>())
    names.insert(get.getParamAttr().getAttr());
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  auto module = function->getParentOfType<ModuleOp>();
  for (StringAttr name : names) {
    Operation *param = module.lookupSymbol(name);
    // Who asked for one to be trained is told that it has no use.
    if (SymbolTable::symbolKnownUseEmpty(name, module) &&
        !param->hasAttr(tern::trainableAttr))
      param->erase();
  }
}
