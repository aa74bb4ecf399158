//===- EntryPoint.h - The form in which a function is run -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps between the IR of a phase and what the JIT calls. Private to
// lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_ENTRYPOINT_H
#define STERNA_LIB_INTERPRETER_ENTRYPOINT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "sterna/Interpreter/Array.h"

#include <map>

namespace sterna {

/// Makes bytes of trits in `function`: -1, 0 or 1 as i8.
void convertTrits(mlir::func::FuncOp function);

/// Turns each parameter that `function` reads into a further argument, appended
/// to it, with its elements appended to `inputs`. Fails where they are nowhere.
mlir::LogicalResult bindParams(mlir::func::FuncOp function,
                               const std::map<std::string, Array> &params,
                               std::vector<Array> &inputs);

/// Fails with an error unless `inputs` fit the arguments of `function`.
mlir::LogicalResult checkInputs(mlir::func::FuncOp function,
                                llvm::ArrayRef<Array> inputs);

/// Gives `function` buffers for all arguments and, as further arguments, for
/// all results but those that are tied: result `i` overwrites argument
/// `tied[i]` unless that is -1. No result is tied where `tied` is empty.
/// Returns arrays of zeros for the further arguments. Fails where a type has no
/// static shape or no NumPy equivalent.
mlir::FailureOr<std::vector<Array>>
convertToBuffers(mlir::func::FuncOp function,
                 llvm::ArrayRef<int64_t> tied = {});

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_ENTRYPOINT_H
