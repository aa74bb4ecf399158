//===- Passes.h - Code generation for every target --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_PORTABLE_PASSES_H
#define STERNA_CODEGEN_PORTABLE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace sterna {

#define GEN_PASS_DECL
#include "sterna/Codegen/Portable/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "sterna/Codegen/Portable/Passes.h.inc"

/// Brings kernel functions from tensors to memrefs, with as few temporaries as
/// One-Shot Bufferize finds: how lowering begins on every target.
void buildBufferizePipeline(mlir::OpPassManager &manager);

} // namespace sterna

#endif // STERNA_CODEGEN_PORTABLE_PASSES_H
