//===- Passes.td - Code generation for CPUs ----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file of lib/Codegen/CPU and one lit test each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_CPU_PASSES_TD
#define STERNA_CODEGEN_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitKernelsPass : Pass<"sterna-emit-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn plan kernels into CPU functions";
  let description = [{
    For each of `levels` (lib/Codegen/CPU/Level.cpp), adds a nested module of the
    level's name with a function for each `plan.kernel`: by a tuned emitter where
    one matches, by the portable tier otherwise. A function takes a memref for
    each argument and each untied result of the kernel and the range of
    workgroups to run. Sets an attribute of the level's name on the kernel:
    `{emitter, workgroups}`.

    ```mlir
    plan.kernel @add_0 tied [-1] { ... }
    // becomes
    module @"x86-64-v3" {
      func.func @add_0(%x: memref<8x4xf32>, %y: memref<8x4xf32>,
                       %begin: index, %end: index) {
        scf.for %i = %begin to %end { ... } } }
    ```
  }];
  let options = [
    ListOption<"levels", "levels", "std::string", "Instruction levels">,
    Option<"tuned", "tuned", "bool", "true",
           "Use tuned emitters; without them all kernels are portable">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def FinishKernelsPass : Pass<"sterna-finish-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Give lowered kernels the ABI of kernel_library.h";
  let description = [{
    Runs on a module of kernels in the LLVM dialect, each taking bare pointers,
    a range, and scratch memory. Makes them private, adds a wrapper
    `(bindings, begin, end, scratch)` for each, and the table and query function
    of the kernel library.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def LowerKernelsPass : Pass<"sterna-lower-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Lower emitted kernels to the LLVM dialect";
  let description = [{
    Runs the lowering pipeline on the nested module of each instruction level,
    expanding what the level has no instruction for. Adds `scratch`, the bytes
    of scratch memory that a thread needs, to the level's attribute of each
    `plan.kernel`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def PlaceTemporariesPass : Pass<"sterna-place-temporaries", "::mlir::ModuleOp"> {
  let summary = "Give kernels' temporaries their places";
  let description = [{
    Kernels allocate nothing while they run: every `memref.alloc` and
    `memref.alloca` becomes a `memref.alloca` in the entry block or, where all of
    them take more than `stack` bytes, the largest become views into scratch
    memory, a new last argument. Each has a place of its own, aligned to a cache
    line. A function that calls others, which call none, hands each the beginning of
    its own scratch memory. Sets the attribute `scratch_bytes` on the function. Fails when a
    temporary is dynamic.

    ```mlir
    func.func @k(..., %scratch: memref<65536xi8>) attributes {scratch_bytes = 65536 : i64} {
      %t = memref.view %scratch[%c0][] : memref<65536xi8> to memref<16384xf32>
    ```
  }];
  let options = [
    Option<"stack", "stack", "int64_t", "32 << 10", "Bytes on the stack">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // STERNA_CODEGEN_CPU_PASSES_TD
