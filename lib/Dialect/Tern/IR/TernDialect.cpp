//===- TernDialect.cpp - Registration
//----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect object, and small functions on its types. TernAttributes.cpp has
// the rules of attributes.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna::tern;

#include "sterna/Dialect/Tern/IR/TernDialect.cpp.inc"
#include "sterna/Dialect/Tern/IR/TernEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "sterna/Dialect/Tern/IR/TernTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "sterna/Dialect/Tern/IR/TernAttributes.cpp.inc"

void TernDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "sterna/Dialect/Tern/IR/TernTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "sterna/Dialect/Tern/IR/TernAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "sterna/Dialect/Tern/IR/TernOps.cpp.inc"
      >();
}

RankedTensorType sterna::tern::getSegmentsType(Type tokens) {
  auto tensor = cast<RankedTensorType>(tokens);
  return RankedTensorType::get(tensor.getShape().take_front(2),
                               IntegerType::get(tokens.getContext(), 32));
}

RankedTensorType sterna::tern::getRowScaleType(Type matrix) {
  auto type = cast<RankedTensorType>(matrix);
  return RankedTensorType::get(type.getShape().drop_back(),
                               Float32Type::get(type.getContext()));
}

MemRefType sterna::tern::getBufferType(RankedTensorType type) {
  if (!isa<TritType>(type.getElementType()))
    return MemRefType::get(type.getShape(), type.getElementType());
  auto layout = cast<PanelAttr>(type.getEncoding());
  return MemRefType::get(
      {layout.getPackedBytes(type.getDimSize(0), type.getDimSize(1))},
      IntegerType::get(type.getContext(), 8));
}
