//===- EmitEpilogue.h - Elementwise end of a kernel -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same for all emitters: one computes a piece of a row of the root's result
// and hands it over.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H

#include "KernelBuilder.h"
#include "sterna/Codegen/Kernels/Epilogue.h"

namespace sterna::cpu {

/// Stores the kernel's result at [row, column ..], given the root's result
/// there: a vector of f32 of at most as many lanes as columns remain.
void emitEpilogue(KernelBuilder &k, const kernels::Epilogue &epilogue,
                  mlir::ValueRange buffers, mlir::Value product,
                  mlir::Value row, mlir::Value column);

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H
