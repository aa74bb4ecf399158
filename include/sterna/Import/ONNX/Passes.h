//===- Passes.h - Passes over imported graphs -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_ONNX_PASSES_H
#define STERNA_IMPORT_ONNX_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sterna {

#define GEN_PASS_DECL
#include "sterna/Import/ONNX/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "sterna/Import/ONNX/Passes.h.inc"

/// Raises what graphs compute: what the phase import runs.
void buildRaisingPipeline(mlir::OpPassManager &manager);

} // namespace sterna

#endif // STERNA_IMPORT_ONNX_PASSES_H
