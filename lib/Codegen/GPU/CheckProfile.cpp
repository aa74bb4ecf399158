//===- CheckProfile.cpp - Check kernels against the device profile --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-check-profile.
//
//===----------------------------------------------------------------------===//

#include "Slots.h"

#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_CHECKPROFILEPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

/// Bytes of the memory that the workgroups of a kernel share.
static int64_t getSharedBytes(spirv::ModuleOp kernel) {
  int64_t bytes = 0;
  for (auto variable : kernel.getOps<spirv::GlobalVariableOp>()) {
    auto pointer = cast<spirv::PointerType>(variable.getType());
    if (pointer.getStorageClass() != spirv::StorageClass::Workgroup)
      continue;
    // Always a structure of one array; an array with a stride has no size.
    auto structure = cast<spirv::StructType>(pointer.getPointeeType());
    auto array = cast<spirv::ArrayType>(structure.getElementType(0));
    bytes += int64_t(array.getNumElements()) *
             array.getElementType().getIntOrFloatBitWidth() / 8;
  }
  return bytes;
}

static int64_t getInvocations(spirv::ModuleOp kernel) {
  int64_t invocations = 1;
  for (auto mode : kernel.getOps<spirv::ExecutionModeOp>())
    if (mode.getExecutionMode() == spirv::ExecutionMode::LocalSize)
      for (Attribute extent : mode.getValues())
        invocations *= cast<IntegerAttr>(extent).getInt();
  return invocations;
}

static bool isAttention(plan::KernelOp kernel) {
  return !kernel.getBodyBlock()->getOps<tern::AttentionOp>().empty();
}

namespace {

struct CheckProfile : sterna::gpu::impl::CheckProfilePassBase<CheckProfile> {
  void runOnOperation() override {
    profile = getOperation()->getAttrOfType<plan::DeviceProfileAttr>(
        "vulkan.profile");
    auto kernels = getOperation().lookupSymbol<ModuleOp>("vulkan_kernels");
    if (!profile || !kernels) {
      getOperation().emitError(
          "expected a profile and kernels: run --sterna-emit-gpu-kernels");
      return signalPassFailure();
    }
    auto launches = sterna::gpu::getLaunches(getOperation());
    for (auto code : kernels.getOps<spirv::ModuleOp>())
      if (failed(check(code, launches[code.getNameAttr()])))
        return signalPassFailure();
  }

private:
  LogicalResult checkLimit(Operation *op, StringRef what, int64_t need,
                           int64_t limit, StringRef advice = "") {
    if (need <= limit)
      return success();
    auto launch = dyn_cast<plan::LaunchOp>(op);
    StringRef kernel =
        launch ? launch.getKernel() : cast<plan::KernelOp>(op).getSymName();
    InFlightDiagnostic diagnostic =
        op->emitError() << "kernel @" << kernel << ": expected at most "
                        << limit << " " << what << ", but got " << need;
    if (!advice.empty())
      diagnostic.attachNote() << advice;
    return diagnostic;
  }

  LogicalResult check(spirv::ModuleOp code, ArrayRef<plan::LaunchOp> launches) {
    auto kernel =
        getOperation().lookupSymbol<plan::KernelOp>(code.getNameAttr());
    ArrayRef<int64_t> slots =
        kernel->getAttrOfType<DenseI64ArrayAttr>("vulkan.slots").asArrayRef();
    int64_t numSlots = *llvm::max_element(slots) + 1;
    if (failed(checkLimit(kernel, "storage buffers", numSlots,
                          profile.getStorageBuffers())) ||
        failed(checkLimit(kernel, "bytes of push constants", slots.size() * 4,
                          profile.getPushConstantBytes())) ||
        failed(checkLimit(kernel, "invocations in a workgroup",
                          getInvocations(code), profile.getInvocations())) ||
        failed(checkLimit(kernel, "bytes of shared memory",
                          getSharedBytes(code), profile.getSharedBytes(),
                          isAttention(kernel)
                              ? "attention keeps a row of scores there: a "
                                "smaller --max-context or --seq-len needs less"
                              : "")))
      return failure();
    return success(llvm::all_of(launches, [&](plan::LaunchOp launch) {
      return succeeded(checkWindows(launch, slots, numSlots));
    }));
  }

  LogicalResult checkWindows(plan::LaunchOp launch, ArrayRef<int64_t> slots,
                             int64_t numSlots) {
    SmallVector<std::optional<sterna::gpu::Window>> windows(numSlots);
    for (auto [buffer, slot] :
         llvm::zip_equal(sterna::gpu::getLaunchedBuffers(launch), slots)) {
      sterna::gpu::Window window = sterna::gpu::Window::of(buffer);
      if (windows[slot])
        windows[slot]->extend(window);
      else
        windows[slot] = window;
    }
    for (const std::optional<sterna::gpu::Window> &window : windows)
      if (failed(checkLimit(launch, "bytes in a binding", window->getBytes(),
                            profile.getBindingBytes())))
        return failure();
    return success();
  }

  plan::DeviceProfileAttr profile;
};

} // namespace
