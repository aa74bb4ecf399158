//===- Interpreter.h - Runs a function of any phase's IR ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind sterna-interp: slow, simple, and the meaning of the IR. It runs tern
// ops through their reference decompositions, so that any pass can be tested by
// equality before and after.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERPRETER_INTERPRETER_H
#define STERNA_INTERPRETER_INTERPRETER_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Interpreter/Array.h"

#include <map>

namespace sterna {

/// Runs function or scheduled program `name` of `module` and returns its
/// results in order. A function has one block and static shapes; `inputs` match
/// its arguments in number, shape and element type, trits being i8. Elements of
/// the parameters that it reads come from `params`, by symbol name, or from the
/// parameter's source.
///
/// A program takes `inputs` in the order in which it declares them, and state
/// tensors by name from `params`, zeros where there are none. Its results are
/// its outputs, then the state tensors that it writes, in the order of their
/// declaration. It runs on memory placed as the plan says.
///
/// Consumes `module`: it is lowered in place. All passes must be registered.
/// Fails after an error; an op that has no meaning here is named.
mlir::FailureOr<std::vector<Array>>
interpret(mlir::ModuleOp module, llvm::StringRef name,
          llvm::ArrayRef<Array> inputs,
          const std::map<std::string, Array> &params);

} // namespace sterna

#endif // STERNA_INTERPRETER_INTERPRETER_H
