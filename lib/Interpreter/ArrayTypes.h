//===- ArrayTypes.h - Arrays and the types of the IR ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which array stands for a value of which type. Private to lib/Interpreter;
// apart from Array.h, which knows nothing of the IR.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_ARRAYTYPES_H
#define STERNA_LIB_INTERPRETER_ARRAYTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "sterna/Interpreter/Array.h"

namespace sterna {

/// Whether values of `type` (a tensor, a buffer or a scalar) can be arrays:
/// their shape is static and NumPy has a name for the element type.
bool isArrayType(mlir::Type type);

/// The buffer that holds a value of `type`, a tensor or a scalar.
mlir::MemRefType bufferOf(mlir::Type type);

/// Zeros of `type`, which is an array type.
Array zerosOf(mlir::Type type);

/// Fails with an error that calls the array `what` unless `array` has the shape
/// and the elements of `type`, an array type.
mlir::LogicalResult
checkArray(const Array &array, mlir::Type type, const llvm::Twine &what,
           llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_ARRAYTYPES_H
