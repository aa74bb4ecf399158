//===- Jit.h - Lowers and calls a module on buffers -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last step of interpretation, the same for functions and programs. Private
// to lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_JIT_H
#define STERNA_LIB_INTERPRETER_JIT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "sterna/Interpreter/Array.h"

namespace sterna {

/// Runs the passes of a textual pipeline. Fails where one of them does.
mlir::LogicalResult runPasses(mlir::ModuleOp module, llvm::StringRef pipeline);

/// Lowers `module`, whose functions take buffers and return nothing, and calls
/// `entry` on the elements of `arguments`, which it may write. Fails with an
/// error where code cannot be made.
mlir::LogicalResult callOnBuffers(mlir::ModuleOp module,
                                  mlir::func::FuncOp entry,
                                  llvm::MutableArrayRef<Array> arguments);

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_JIT_H
