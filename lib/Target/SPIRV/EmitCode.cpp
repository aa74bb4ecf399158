//===- EmitCode.cpp - Code objects of Vulkan devices ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See EmitCode.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/SPIRV/EmitCode.h"

#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using llvm::Expected;

/// Appends the SPIR-V of `code` to `bytes`.
static LogicalResult append(mlir::spirv::ModuleOp code, std::string &bytes) {
  mlir::spirv::SerializationOptions options;
  options.emitDebugInfo = false;
  SmallVector<uint32_t> words;
  if (failed(mlir::spirv::serialize(code, words, options)))
    return failure();
  bytes.append(reinterpret_cast<const char *>(words.data()),
               words.size() * sizeof(uint32_t));
  return success();
}

/// Bit s is set if a result, tied or not, lies in slot s.
static uint8_t getWrittenSlots(sterna::plan::KernelOp kernel,
                               ArrayRef<int64_t> slots) {
  uint8_t written = 0;
  unsigned next = kernel.getBodyBlock()->getNumArguments();
  for (int64_t tied : kernel.getTied())
    written |= 1 << slots[tied >= 0 ? tied : next++];
  return written;
}

Expected<sterna::CodeObject> sterna::spirv::emitCode(ModuleOp module) {
  CodeObject object;
  object.target = "vulkan";
  SymbolTable kernels(module.lookupSymbol<ModuleOp>("vulkan_kernels"));
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    KernelCode &code = object.kernels.emplace_back();
    auto spirv = kernels.lookup<mlir::spirv::ModuleOp>(kernel.getSymName());
    if (!spirv)
      continue;
    code.offset = object.bytes.size();
    if (failed(append(spirv, object.bytes)))
      return llvm::createStringError("kernel @" + kernel.getSymName() +
                                     " does not serialise");
    code.size = object.bytes.size() - code.offset;
    code.workgroups =
        kernel->getAttrOfType<IntegerAttr>("vulkan.workgroups").getInt();
    auto slots = kernel->getAttrOfType<DenseI64ArrayAttr>("vulkan.slots");
    code.slots.assign(slots.asArrayRef().begin(), slots.asArrayRef().end());
    code.written = getWrittenSlots(kernel, slots.asArrayRef());
  }
  return object;
}
