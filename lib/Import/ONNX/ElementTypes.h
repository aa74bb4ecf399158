//===- ElementTypes.h - Element types of ONNX -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers of the IR have no sign, so that the importer keeps the type of ONNX
// beside each value. Integers of less than a byte are bytes in the IR.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_ELEMENTTYPES_H
#define STERNA_LIB_IMPORT_ONNX_ELEMENTTYPES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Types.h"
#include "onnx-ml.pb.h"

namespace sterna {

/// As TensorProto.DataType counts them; files may hold any number.
using DataType = int32_t;

/// "float", "int64", ..., as the specification spells them.
std::string getTypeName(DataType type);

/// The element type that values of `type` have in the IR; null where there is
/// none.
mlir::Type getElementType(mlir::MLIRContext *context, DataType type);

/// What files of NumPy call the elements of `type`: "<f4", "|u1".
std::string getNumpyType(DataType type);

/// Whether a tensor of `shape` has no extent below 0 and at most 2^40 elements.
bool isShape(llvm::ArrayRef<int64_t> shape);

/// The bits of an element as files store it, 0 where the type is not supported.
unsigned getStoredBits(DataType type);

bool isFloat(DataType type);
bool isUnsigned(DataType type);
/// Of either sign; bool is none.
bool isInteger(DataType type);

/// The elements of a tensor of `type` and `shape` from the bytes that files
/// store.
mlir::DenseElementsAttr decodeElements(mlir::MLIRContext *context,
                                       DataType type,
                                       llvm::ArrayRef<int64_t> shape,
                                       llvm::StringRef bytes);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_ELEMENTTYPES_H
