//===- Slots.cpp - Storage buffers that kernels share ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Slots.h; and the profile that all devices fulfil.
//
//===----------------------------------------------------------------------===//

#include "Slots.h"

#include "sterna/Codegen/GPU/Passes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;

/// The largest minStorageBufferOffsetAlignment that the standard allows.
static constexpr int64_t offsetAlignment = 256;

sterna::gpu::Window sterna::gpu::Window::of(plan::BufferOp buffer) {
  int64_t offset = buffer.getOffset();
  return {buffer.getSpace(), int64_t(llvm::alignDown(offset, offsetAlignment)),
          offset + int64_t(llvm::alignTo(buffer.getBytes(), 4))};
}

void sterna::gpu::Window::extend(const Window &other) {
  begin = std::min(begin, other.begin);
  end = std::max(end, other.end);
}

llvm::MapVector<StringAttr, SmallVector<plan::LaunchOp>>
sterna::gpu::getLaunches(ModuleOp module) {
  llvm::MapVector<StringAttr, SmallVector<plan::LaunchOp>> launches;
  for (auto program : module.getOps<plan::ProgramOp>())
    for (auto launch : program.getBody().getOps<plan::LaunchOp>())
      launches[launch.getKernelAttr().getAttr()].push_back(launch);
  return launches;
}

SmallVector<plan::BufferOp>
sterna::gpu::getLaunchedBuffers(plan::LaunchOp launch) {
  return llvm::map_to_vector(launch.getBuffers(), [](Value buffer) {
    return buffer.getDefiningOp<plan::BufferOp>();
  });
}

int64_t sterna::gpu::getMaxShardBytes(plan::DeviceProfileAttr profile) {
  return profile.getBindingBytes() - offsetAlignment;
}

plan::DeviceProfileAttr sterna::gpu::getPortableProfile(MLIRContext *context) {
  // The smallest maxStorageBufferRange that the standard allows.
  return plan::DeviceProfileAttr::get(context, /*bindingBytes=*/128 << 20,
                                      /*storageBuffers=*/4,
                                      /*pushConstantBytes=*/128,
                                      /*invocations=*/128,
                                      /*sharedBytes=*/16 << 10);
}
