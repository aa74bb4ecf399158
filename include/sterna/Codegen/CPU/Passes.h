//===- Passes.h - Code generation for CPUs --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_CPU_PASSES_H
#define STERNA_CODEGEN_CPU_PASSES_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

namespace sterna::cpu {

/// On a function: the bytes of scratch memory that it takes as its last
/// argument.
constexpr llvm::StringLiteral scratchAttr = "scratch_bytes";

#define GEN_PASS_DECL
#include "sterna/Codegen/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "sterna/Codegen/CPU/Passes.h.inc"

} // namespace sterna::cpu

#endif // STERNA_CODEGEN_CPU_PASSES_H
