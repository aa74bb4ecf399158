//===- EmitKernels.cpp - Turn plan kernels into CPU functions -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-emit-cpu-kernels: for each kernel the first emitter
// that takes it, else the portable tier.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/KernelEmitter.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;

namespace sterna::cpu {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

using namespace sterna;

namespace {

struct EmitKernels : cpu::impl::EmitKernelsPassBase<EmitKernels> {
  using EmitKernelsPassBase::EmitKernelsPassBase;

  void runOnOperation() override {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto kernels = ModuleOp::create(builder, getOperation().getLoc(),
                                    StringRef("cpu_kernels"));
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      builder.setInsertionPointToEnd(kernels.getBody());
      if (failed(emit(kernel, builder)))
        return signalPassFailure();
    }
  }

private:
  LogicalResult emit(plan::KernelOp kernel, OpBuilder &builder) {
    SmallVector<Type> types;
    for (Type type : kernel.getBodyBlock()->getArgumentTypes())
      types.push_back(tern::getBufferType(cast<RankedTensorType>(type)));
    for (auto [type, tied] :
         llvm::zip_equal(kernel.getResultTypes(), kernel.getTied()))
      if (tied < 0)
        types.push_back(tern::getBufferType(cast<RankedTensorType>(type)));
    unsigned numBuffers = types.size();
    types.append(2, builder.getIndexType());
    auto function =
        func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(),
                             builder.getFunctionType(types, {}));
    // The plan's verifier proves that what is written overlaps nothing else.
    for (unsigned i = 0; i < numBuffers; ++i)
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                          builder.getUnitAttr());
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    func::ReturnOp::create(builder, kernel.getLoc());
    builder.setInsertionPointToStart(entry);
    ValueRange arguments = entry->getArguments();
    return emitBody(kernel, builder, arguments.take_front(numBuffers),
                    arguments[numBuffers], arguments[numBuffers + 1]);
  }

  LogicalResult emitBody(plan::KernelOp kernel, OpBuilder &builder,
                         ValueRange buffers, Value begin, Value end) {
    cpu::TargetInfo target;
    StringRef name = "portable";
    std::optional<int64_t> workgroups;
    if (tuned)
      for (const auto &emitter : cpu::getKernelEmitters()) {
        workgroups = emitter->match(kernel, target);
        if (!workgroups)
          continue;
        emitter->emit(kernel, target, builder, buffers, begin, end);
        name = emitter->getName();
        break;
      }
    if (!workgroups) {
      auto portable =
          cpu::emitPortableKernel(kernel, builder, buffers, begin, end);
      if (failed(portable))
        return kernel.emitError("could not be lowered");
      workgroups = *portable;
    }
    kernel->setAttr("workgroups", builder.getI64IntegerAttr(*workgroups));
    kernel->setAttr("emitter", builder.getStringAttr(name));
    return success();
  }
};

} // namespace
