//===- Kernels.h - Kernels as functions -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first step for both forms of the plan. Private to lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_KERNELS_H
#define STERNA_LIB_INTERPRETER_KERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace sterna {

/// Makes a private function of each plan.kernel of `module`, of the same name,
/// on tensors and pure: a tied result is a result like any other.
void convertKernels(mlir::ModuleOp module);

/// Makes a call of each plan.dispatch in `function`.
void convertDispatches(mlir::func::FuncOp function);

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_KERNELS_H
