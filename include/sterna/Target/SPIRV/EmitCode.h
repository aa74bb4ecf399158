//===- EmitCode.h - Code objects of Vulkan devices --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in the SPIR-V dialect to binary modules.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_SPIRV_EMITCODE_H
#define STERNA_TARGET_SPIRV_EMITCODE_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

namespace sterna::spirv {

/// Serialises the SPIR-V of each kernel of `module` after phase `codegen`, one
/// binary module after the other. Kernels without SPIR-V get a size of 0.
llvm::Expected<CodeObject> emitCode(mlir::ModuleOp module);

} // namespace sterna::spirv

#endif // STERNA_TARGET_SPIRV_EMITCODE_H
