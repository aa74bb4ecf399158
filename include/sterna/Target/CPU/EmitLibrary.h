//===- EmitLibrary.h - Kernel libraries for CPUs --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in the LLVM dialect to a shared object.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CPU_EMITLIBRARY_H
#define STERNA_TARGET_CPU_EMITLIBRARY_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>

namespace sterna::cpu {

/// Optimises and compiles `kernels` (module of the LLVM dialect, with the ABI
/// of kernel_library.h) for instruction level `level`, and links a freestanding
/// ELF shared object without undefined symbols. Returns its bytes.
llvm::Expected<std::string> emitLibrary(mlir::ModuleOp kernels,
                                        llvm::StringRef level);

} // namespace sterna::cpu

#endif // STERNA_TARGET_CPU_EMITLIBRARY_H
