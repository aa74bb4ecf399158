//===- ElementTypes.cpp - Element types of ONNX ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ElementTypes.h.
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "sterna/Support/PackedIntegers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

std::string sterna::getTypeName(DataType type) {
  if (!onnx::TensorProto_DataType_IsValid(type))
    return "number " + std::to_string(type);
  return StringRef(
             onnx::TensorProto_DataType_Name(onnx::TensorProto_DataType(type)))
      .lower();
}

Type sterna::getElementType(MLIRContext *context, DataType type) {
  Builder b(context);
  switch (type) {
  case TensorProto::FLOAT:
    return b.getF32Type();
  case TensorProto::DOUBLE:
    return b.getF64Type();
  case TensorProto::FLOAT16:
    return b.getF16Type();
  case TensorProto::BFLOAT16:
    return b.getBF16Type();
  case TensorProto::BOOL:
    return b.getI1Type();
  default:
    break;
  }
  unsigned bits = getStoredBits(type);
  return bits ? b.getIntegerType(std::max(bits, 8u)) : Type();
}

std::string sterna::getNumpyType(DataType type) {
  if (type == TensorProto::BOOL)
    return "|b1";
  if (type == TensorProto::BFLOAT16)
    return "|V2";
  unsigned bytes = std::max(getStoredBits(type), 8u) / 8;
  const char *kind = isFloat(type) ? "f" : isUnsigned(type) ? "u" : "i";
  return (bytes == 1 ? "|" : "<") + (kind + std::to_string(bytes));
}

bool sterna::isShape(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    // Extents beside one of 0 are bounded, too.
    if (extent < 0 ||
        llvm::MulOverflow(count, std::max<int64_t>(extent, 1), count) ||
        count > int64_t(1) << 40)
      return false;
  return true;
}

unsigned sterna::getStoredBits(DataType type) {
  switch (type) {
  case TensorProto::INT2:
  case TensorProto::UINT2:
    return 2;
  case TensorProto::INT4:
  case TensorProto::UINT4:
    return 4;
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::BOOL:
    return 8;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 16;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 32;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
    return 64;
  default:
    return 0;
  }
}

bool sterna::isFloat(DataType type) {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
         type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
}

bool sterna::isUnsigned(DataType type) {
  return type == TensorProto::UINT2 || type == TensorProto::UINT4 ||
         type == TensorProto::UINT8 || type == TensorProto::UINT16 ||
         type == TensorProto::UINT32 || type == TensorProto::UINT64;
}

bool sterna::isInteger(DataType type) {
  return getStoredBits(type) != 0 && !isFloat(type) &&
         type != TensorProto::BOOL;
}

DenseElementsAttr sterna::decodeElements(MLIRContext *context, DataType type,
                                         ArrayRef<int64_t> shape,
                                         StringRef bytes) {
  auto tensor = RankedTensorType::get(shape, getElementType(context, type));
  if (tensor.getNumElements() == 0)
    return DenseElementsAttr::get(tensor, ArrayRef<Attribute>());
  unsigned bits = getStoredBits(type);
  std::string unpacked;
  if (bits < 8) {
    unpacked =
        unpackIntegers(bytes, bits, isUnsigned(type), tensor.getNumElements());
    bytes = unpacked;
  }
  if (type == TensorProto::BOOL) {
    SmallVector<bool> values(
        llvm::map_range(bytes, [](char byte) { return byte != 0; }));
    return DenseElementsAttr::get(tensor, ArrayRef<bool>(values));
  }
  return DenseElementsAttr::getFromRawBuffer(
      tensor, ArrayRef<char>(bytes.data(), bytes.size()));
}
