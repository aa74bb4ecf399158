//===- TernDialect.cpp - Registration, type and attributes ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect object and everything of it that is not an op.
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

/// Checks that `description` of a state tensor has what every reader takes for
/// given; a part of a flat one says where it lies, too.
static LogicalResult verifyState(Operation *op, StringRef attribute,
                                 Attribute description, bool isPart) {
  auto state = dyn_cast<DictionaryAttr>(description);
  if (!state)
    return op->emitOpError("expected ")
           << attribute << " to describe state tensors, but got "
           << description;
  auto expect = [&](StringRef name, bool isThere) -> LogicalResult {
    if (isThere)
      return success();
    return op->emitOpError("expected '")
           << name << "' in " << attribute << " of a fitting type, but got "
           << description;
  };
  auto isInteger = [&](StringRef name) {
    auto value = state.getAs<IntegerAttr>(name);
    return value && value.getType().isSignlessInteger(64);
  };
  for (StringRef name : {"name", "kind", "target"})
    if (failed(expect(name, bool(state.getAs<StringAttr>(name)))))
      return failure();
  if (failed(expect("layer", isInteger("layer"))))
    return failure();
  if (!isPart)
    return success();
  auto type = state.getAs<TypeAttr>("type");
  auto tensor = type ? dyn_cast<RankedTensorType>(type.getValue()) : nullptr;
  if (failed(expect("type", tensor && tensor.hasStaticShape())))
    return failure();
  return expect("offset", isInteger("offset"));
}

LogicalResult TernDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned,
                                                    NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  StringRef name = attribute.getName();
  if (name == stateAttr)
    return verifyState(op, name, value, /*isPart=*/false);
  if (name == inputAttr && !isa<StringAttr>(value))
    return op->emitOpError("expected ")
           << name << " to be a name, but got " << value;
  if (name != statesAttr)
    return success();
  auto states = dyn_cast<ArrayAttr>(value);
  if (!states)
    return op->emitOpError("expected ")
           << name << " to be a list of state tensors, but got " << value;
  for (Attribute state : states)
    if (failed(verifyState(op, name, state, /*isPart=*/true)))
      return failure();
  return success();
}

LogicalResult
TernDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                         NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  StringRef name = attribute.getName();
  if (name == outputAttr && !isa<StringAttr>(value))
    return op->emitOpError("expected ")
           << name << " to be a name, but got " << value;
  if (name != tiedAttr)
    return success();
  auto argument = dyn_cast<IntegerAttr>(value);
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (argument && function && !argument.getValue().isNegative() &&
      argument.getValue().ult(function.getNumArguments()))
    return success();
  return op->emitOpError("expected ")
         << name << " to be the number of an argument, but got " << value;
}

LogicalResult PanelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, int64_t columns) {
  if (rows > 0 && (columns == 16 || columns == 20))
    return success();
  return emitError() << "expected panels of at least one row and blocks of 16 "
                        "or 20 columns, but got "
                     << rows << " and " << columns;
}

int64_t PanelAttr::getPackedBytes(int64_t numRows, int64_t numColumns) const {
  return llvm::divideCeil(numRows, getRows()) *
         llvm::divideCeil(numColumns, getColumns()) * getBlockBytes();
}

RankedTensorType sterna::tern::getSegmentsType(Type tokens) {
  auto tensor = cast<RankedTensorType>(tokens);
  return RankedTensorType::get(tensor.getShape().take_front(2),
                               IntegerType::get(tokens.getContext(), 32));
}

RankedTensorType sterna::tern::getRowScaleType(Type matrix) {
  auto type = cast<RankedTensorType>(matrix);
  return RankedTensorType::get(type.getShape().take_front(),
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
