//===- Compile.h - From the LLVM dialect to machine code --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps that shared and relocatable objects have in common.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_TARGET_CPU_COMPILE_H
#define STERNA_LIB_TARGET_CPU_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace sterna::cpu {

/// LLVM's code generator for `level` on the system of `triple`.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Level &level, llvm::StringRef triple);

/// The kernels of `module` for `level`, optimised for `machine`. Functions say
/// themselves what instructions they use.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateKernels(mlir::ModuleOp module, const Level &level,
                 llvm::TargetMachine &machine, llvm::LLVMContext &context);

/// Writes the machine code of `module` to `out`, as a relocatable object.
llvm::Error writeObject(llvm::Module &module, llvm::TargetMachine &machine,
                        llvm::raw_pwrite_stream &out);

/// What the device binary says of the code of `level`, without its bytes.
CodeObject describeCode(mlir::ModuleOp module, const Level &level);

} // namespace sterna::cpu

#endif // STERNA_LIB_TARGET_CPU_COMPILE_H
