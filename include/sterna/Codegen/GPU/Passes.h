//===- Passes.h - Code generation for GPUs ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td, and the profiles of
// devices.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_GPU_PASSES_H
#define STERNA_CODEGEN_GPU_PASSES_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

namespace sterna::gpu {

#define GEN_PASS_DECL
#include "sterna/Codegen/GPU/Passes.h.inc"

/// Invocations in a workgroup of every kernel, along x.
constexpr int64_t workgroupSize = 128;

/// What every Vulkan 1.1 device has: the minima of the standard, 128 MiB to a
/// binding and 4 storage buffers among them.
plan::DeviceProfileAttr getPortableProfile(mlir::MLIRContext *context);

/// The most bytes of one parameter that a kernel can read under `profile`: a
/// binding range, less what aligning its start may take.
int64_t getMaxShardBytes(plan::DeviceProfileAttr profile);

#define GEN_PASS_REGISTRATION
#include "sterna/Codegen/GPU/Passes.h.inc"

} // namespace sterna::gpu

#endif // STERNA_CODEGEN_GPU_PASSES_H
