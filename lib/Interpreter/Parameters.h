//===- Parameters.h - Elements of parameters --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the interpreter finds what a tern.param declares. Private to
// lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_PARAMETERS_H
#define STERNA_LIB_INTERPRETER_PARAMETERS_H

#include "ArrayTypes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <map>

namespace sterna {

/// `type`, trits being bytes: -1, 0 or 1 as i8, without a packed layout.
mlir::Type withoutTrits(mlir::Type type);

/// The elements of `param`, trits as i8: those in `given` of its name, else
/// those of its source as the link phase reads them. Fails with an error at
/// `param` where they cannot be read or do not fit its type.
mlir::FailureOr<Array> readParameter(tern::ParamOp param,
                                     const std::map<std::string, Array> &given);

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_PARAMETERS_H
