//===- FinishKernels.cpp - The ABI of kernel libraries --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-finish-cpu-kernels; kernel_library.h is the ABI.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Passes.h"

#include "mlir/IR/Builders.h"
#include "sterna/kernel_library.h"

using namespace mlir;

namespace sterna::cpu {
#define GEN_PASS_DEF_FINISHKERNELSPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

namespace {

struct FinishKernels : sterna::cpu::impl::FinishKernelsPassBase<FinishKernels> {
  void runOnOperation() override {
    OpBuilder b(&getContext());
    Location loc = getOperation().getLoc();
    pointer = LLVM::LLVMPointerType::get(&getContext());
    SmallVector<StringAttr> names;
    for (auto kernel :
         llvm::to_vector(getOperation().getOps<LLVM::LLVMFuncOp>())) {
      if (kernel.isExternal())
        continue;
      kernel.setLinkage(LLVM::Linkage::Internal);
      // What is private is called by kernels.
      if (!kernel.isPrivate())
        names.push_back(wrap(kernel, b));
    }
    b.setInsertionPointToEnd(getOperation().getBody());
    buildTable(names, b, loc);
    buildQuery(int32_t(names.size()), b, loc);
  }

private:
  /// Adds `run_<kernel>(bindings, begin, end, scratch)`, which unpacks the
  /// bindings.
  StringAttr wrap(LLVM::LLVMFuncOp kernel, OpBuilder &b) {
    Location loc = kernel.getLoc();
    Type i32 = b.getI32Type();
    b.setInsertionPointAfter(kernel);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()), {pointer, i32, i32, pointer});
    auto wrapper =
        LLVM::LLVMFuncOp::create(b, loc, ("run_" + kernel.getSymName()).str(),
                                 type, LLVM::Linkage::Internal);
    Block *entry = wrapper.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    SmallVector<Value> arguments;
    for (int32_t i = 0, e = kernel.getNumArguments() - 3; i < e; ++i) {
      Value slot =
          LLVM::GEPOp::create(b, loc, pointer, pointer, entry->getArgument(0),
                              ArrayRef<LLVM::GEPArg>{i});
      arguments.push_back(LLVM::LoadOp::create(b, loc, pointer, slot));
    }
    for (unsigned i : {1, 2})
      arguments.push_back(
          LLVM::ZExtOp::create(b, loc, b.getI64Type(), entry->getArgument(i)));
    arguments.push_back(entry->getArgument(3));
    LLVM::CallOp::create(b, loc, kernel, arguments);
    LLVM::ReturnOp::create(b, loc, ValueRange{});
    return wrapper.getSymNameAttr();
  }

  void buildTable(ArrayRef<StringAttr> names, OpBuilder &b, Location loc) {
    Type type = LLVM::LLVMArrayType::get(pointer, names.size());
    buildConstant("kernel_table", type, b, loc, [&](Value table) {
      for (auto [index, name] : llvm::enumerate(names)) {
        Value address = LLVM::AddressOfOp::create(b, loc, pointer, name);
        table =
            LLVM::InsertValueOp::create(b, loc, table, address, int64_t(index));
      }
      return table;
    });
  }

  void buildQuery(int32_t count, OpBuilder &b, Location loc) {
    Type i32 = b.getI32Type();
    Type type =
        LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, pointer});
    buildConstant("kernel_library", type, b, loc, [&](Value library) {
      auto set = [&](Value value, int64_t field) {
        library = LLVM::InsertValueOp::create(b, loc, library, value, field);
      };
      set(LLVM::ConstantOp::create(
              b, loc, i32, b.getI32IntegerAttr(STERNA_KERNEL_LIBRARY_VERSION)),
          0);
      set(LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(count)), 1);
      set(LLVM::AddressOfOp::create(b, loc, pointer, "kernel_table"), 2);
      return library;
    });
    auto query =
        LLVM::LLVMFuncOp::create(b, loc, STERNA_KERNEL_LIBRARY_QUERY,
                                 LLVM::LLVMFunctionType::get(pointer, {}));
    b.setInsertionPointToStart(query.addEntryBlock(b));
    Value address =
        LLVM::AddressOfOp::create(b, loc, pointer, "kernel_library");
    LLVM::ReturnOp::create(b, loc, address);
  }

  /// Adds an internal constant initialised by `fill` from an undefined value.
  void buildConstant(StringRef name, Type type, OpBuilder &b, Location loc,
                     function_ref<Value(Value)> fill) {
    auto global =
        LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true,
                               LLVM::Linkage::Internal, name, Attribute());
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&global.getInitializerRegion());
    Value value = fill(LLVM::UndefOp::create(b, loc, type));
    LLVM::ReturnOp::create(b, loc, value);
  }

  LLVM::LLVMPointerType pointer;
};

} // namespace
