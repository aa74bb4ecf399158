//===- Slots.h - Storage buffers that kernels share -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a launch binds to a slot. Shared by the pass that assigns slots and the
// pass that checks them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_GPU_SLOTS_H
#define STERNA_LIB_CODEGEN_GPU_SLOTS_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "llvm/ADT/MapVector.h"

namespace sterna::gpu {

/// A range of bytes of one space.
struct Window {
  plan::Space space;
  int64_t begin, end;

  /// Of one buffer, from the highest offset at which any Vulkan device can
  /// bind it.
  static Window of(plan::BufferOp buffer);

  /// Grows to hold `other`, which lies in the same space.
  void extend(const Window &other);

  int64_t getBytes() const { return end - begin; }
};

/// The launches of each kernel, in order.
llvm::MapVector<mlir::StringAttr, llvm::SmallVector<plan::LaunchOp>>
getLaunches(mlir::ModuleOp module);

/// The buffers of a launch.
llvm::SmallVector<plan::BufferOp> getLaunchedBuffers(plan::LaunchOp launch);

} // namespace sterna::gpu

#endif // STERNA_LIB_CODEGEN_GPU_SLOTS_H
