//===- ArrayTypes.cpp - Arrays and the types of the IR --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's names of element types, and shapes.
//
//===----------------------------------------------------------------------===//

#include "ArrayTypes.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace sterna;

/// NumPy's name of an element type, empty where it has none. That of bf16 is
/// what the package ml_dtypes writes.
static StringRef numpyType(Type type) {
  if (type.isF64())
    return "<f8";
  if (type.isF32())
    return "<f4";
  if (type.isF16())
    return "<f2";
  if (type.isBF16())
    return "<V2";
  if (type.isIndex() || type.isSignlessInteger(64))
    return "<i8";
  if (type.isSignlessInteger(32))
    return "<i4";
  if (type.isSignlessInteger(16))
    return "<i2";
  if (type.isSignlessInteger(8))
    return "|i1";
  if (type.isSignlessInteger(1))
    return "|b1";
  return "";
}

static ArrayRef<int64_t> shapeOf(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.getShape() : ArrayRef<int64_t>();
}

bool sterna::isArrayType(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  bool isStatic = shaped ? shaped.hasRank() && shaped.hasStaticShape()
                         : type.isIntOrIndexOrFloat();
  return isStatic && !numpyType(getElementTypeOrSelf(type)).empty();
}

MemRefType sterna::bufferOf(Type type) {
  return MemRefType::get(shapeOf(type), getElementTypeOrSelf(type));
}

Array sterna::zerosOf(Type type) {
  Array array;
  array.type = numpyType(getElementTypeOrSelf(type)).str();
  array.shape.assign(shapeOf(type).begin(), shapeOf(type).end());
  size_t size = array.type.back() - '0';
  for (int64_t extent : array.shape)
    size *= extent;
  array.bytes.resize(size);
  return array;
}

LogicalResult
sterna::checkArray(const Array &array, Type type, const Twine &what,
                   llvm::function_ref<InFlightDiagnostic()> emitError) {
  if (array.type == numpyType(getElementTypeOrSelf(type)) &&
      ArrayRef<int64_t>(array.shape) == shapeOf(type))
    return success();
  InFlightDiagnostic error = emitError() << "expected " << what << " to be "
                                         << type << ", but its elements are "
                                         << array.type << " and its shape is [";
  llvm::interleaveComma(array.shape, error);
  return error << "]";
}
