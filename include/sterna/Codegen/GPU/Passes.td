//===- Passes.td - Code generation for GPUs ----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order in which they run; one file of lib/Codegen/GPU and one lit test
// each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_GPU_PASSES_TD
#define STERNA_CODEGEN_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignSlotsPass : Pass<"sterna-assign-slots", "::mlir::ModuleOp"> {
  let summary = "Share storage buffers between the buffers of a kernel";
  let description = [{
    A GPU binds few storage buffers at once, each of limited range. This pass
    gives each buffer of a kernel a slot, one storage buffer: buffers share one
    if in every launch of the kernel they lie in one space and within the
    profile's binding range (first fit, in order). Sets `vulkan.slots` on each
    `plan.kernel` that is launched, and the profile on the module.

    ```mlir
    plan.launch @add(%arena_0, %weights, %arena_1) : ...
    // gives
    plan.kernel @add ... attributes {vulkan.slots = array<i64: 0, 1, 0>}
    ```
  }];
}

def EmitKernelsPass : Pass<"sterna-emit-gpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn plan kernels into functions of one workgroup";
  let description = [{
    Adds a nested module `@vulkan_kernels` with a function for each
    `plan.kernel` that has slots, from the portable tier. A function takes a
    memref for each argument and each untied result of the kernel and computes
    the part of the workgroup that runs it. Sets `vulkan.workgroups` on the
    kernel.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
}

def EmulateWideIntegersPass
    : Pass<"sterna-emulate-wide-integers", "::mlir::func::FuncOp"> {
  let summary = "Compute integers of 64 bits in pairs of words";
  let description = [{
    Few devices have integers of 64 bits (the feature `shaderInt64`). Each becomes
    a vector of its low and its high word, as upstream's
    `--arith-emulate-wide-int` has it, in loops and branches too. An op that
    cannot be computed so is an error.

    ```mlir
    %z = arith.andi %x, %y : i64
    // becomes, with the words of %x and %y
    %l = arith.andi %xl, %yl : i32
    %h = arith.andi %xh, %yh : i32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::vector::VectorDialect"];
}

def WidenNarrowIntegersPass
    : Pass<"sterna-widen-narrow-integers", "::mlir::func::FuncOp"> {
  let summary = "Compute integers of 8 and 16 bits in words";
  let description = [{
    Few devices have integers of less than 32 bits; conversion to SPIR-V keeps
    one in a word whose upper bits are anything. Ops whose results depend on
    those, as divisions, shifts and comparisons, get operands that are widened by
    their sign or by zeros.

    ```mlir
    %z = arith.divsi %x, %y : i8
    // becomes
    %a = arith.extsi %x : i8 to i32
    %b = arith.extsi %y : i8 to i32
    %c = arith.divsi %a, %b : i32
    %z = arith.trunci %c : i32 to i8
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def DistributeLoopsPass : Pass<"sterna-distribute-loops", "::mlir::func::FuncOp"> {
  let summary = "Run linalg ops on the invocations of a workgroup";
  let description = [{
    Each linalg op on memrefs becomes loops whose parallel iterations are dealt
    out to the invocations, with barriers between ops that share memory. A
    reduction with few parallel iterations is computed by several invocations
    each, in lanes whose number and order depend on the shape alone. An
    invocation writes whole 32-bit words: results of 8 bits go out in fours.

    ```mlir
    linalg.generic {iterator_types = ["parallel"]} ... outs(%y : memref<512xf32>)
    // becomes
    %id = gpu.thread_id x
    scf.for %i = %id to %c512 step %c128 { ... memref.store ... }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def LowerKernelsPass : Pass<"sterna-lower-gpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Lower emitted kernels to the SPIR-V dialect";
  let description = [{
    Runs the lowering pipeline on the nested module `@vulkan_kernels`: the passes
    below, between upstream ones.
  }];
  let dependentDialects = ["::mlir::spirv::SPIRVDialect"];
}

def LowerMemoryPass : Pass<"sterna-lower-gpu-memory", "::mlir::func::FuncOp"> {
  let summary = "Turn buffers into words of the slots' storage buffers";
  let description = [{
    A kernel function gets a memref of words for each slot and, for each buffer,
    the number of its first word. Loads of 8 and 16 bits extract from a word, and
    stores are of all of a word's elements, because few devices store less than
    32 bits. Integers of 64 bits are two words, booleans bytes. Temporaries move
    to the memory that a workgroup shares.

    ```mlir
    func.func @f(%x: memref<4x8xf32>) ...
      %v = memref.load %x[%i, %j] : memref<4x8xf32>
    // becomes
    func.func @f(%slot: memref<?xi32, #spirv.storage_class<StorageBuffer>>,
                 %first: index) ...
      %w = memref.load %slot[%at] : ...
      %v = arith.bitcast %w : i32 to f32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::spirv::SPIRVDialect"];
}

def ConvertToSPIRVPass : Pass<"convert-kernels-to-spirv", "::mlir::ModuleOp"> {
  let summary = "Turn kernel functions into SPIR-V modules";
  let description = [{
    Each function of slots and first words becomes a `spirv.module` of the same
    name for Vulkan 1.1 without features: slots are storage buffers of descriptor
    set 0, first words are push constants, the entry point is `main`.
  }];
  let dependentDialects = ["::mlir::spirv::SPIRVDialect"];
}

def CheckProfilePass : Pass<"sterna-check-profile", "::mlir::ModuleOp"> {
  let summary = "Check every kernel and binding against the device profile";
  let description = [{
    Fails with the first kernel that needs more storage buffers, push constants,
    invocations or shared memory than the profile of the module grants, or the
    first launch whose buffers of one slot span more than its binding range.
  }];
}

#endif // STERNA_CODEGEN_GPU_PASSES_TD
