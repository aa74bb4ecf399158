//===- EmitCode.h - Code objects of CPUs ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in the LLVM dialect to a shared object.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CPU_EMITCODE_H
#define STERNA_TARGET_CPU_EMITCODE_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

namespace sterna::cpu {

/// Optimises and compiles the kernels of `module` after phase `codegen` (in the
/// LLVM dialect, with the ABI of kernel_library.h) for instruction level
/// `level`, and links a freestanding ELF shared object without undefined
/// symbols.
llvm::Expected<CodeObject> emitCode(mlir::ModuleOp module, const Level &level);

} // namespace sterna::cpu

#endif // STERNA_TARGET_CPU_EMITCODE_H
