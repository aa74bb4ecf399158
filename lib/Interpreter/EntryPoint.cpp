//===- EntryPoint.cpp - The form in which a function is run ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything the JIT is called with is a buffer: one calling convention for
// tensors, scalars and any number of results.
//
//===----------------------------------------------------------------------===//

#include "EntryPoint.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace sterna;

namespace {

/// NumPy's name of an element type, empty where it has none.
StringRef numpyType(Type type) {
  if (type.isF64())
    return "<f8";
  if (type.isF32())
    return "<f4";
  if (type.isF16())
    return "<f2";
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

ArrayRef<int64_t> shapeOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.getShape() : ArrayRef<int64_t>();
}

bool isRunnable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  bool isStatic = tensor ? tensor.hasStaticShape() : type.isIntOrIndexOrFloat();
  return isStatic && !numpyType(getElementTypeOrSelf(type)).empty();
}

MemRefType bufferOf(Type type) {
  return MemRefType::get(shapeOf(type), getElementTypeOrSelf(type));
}

Array zerosOf(Type type) {
  Array array;
  array.type = numpyType(getElementTypeOrSelf(type)).str();
  array.shape.assign(shapeOf(type).begin(), shapeOf(type).end());
  size_t size = array.type.back() - '0';
  for (int64_t extent : array.shape)
    size *= extent;
  array.bytes.resize(size);
  return array;
}

/// The elements of a dense attribute.
Array arrayOf(DenseElementsAttr elements) {
  Array array = zerosOf(elements.getType());
  ArrayRef<char> raw = elements.getRawData();
  if (raw.empty())
    return array;
  for (size_t at = 0; at < array.bytes.size(); ++at)
    array.bytes[at] = raw[at % raw.size()];
  return array;
}

Type withoutTrits(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isa<tern::TritType>(tensor.getElementType()))
    return type;
  return RankedTensorType::get(tensor.getShape(),
                               IntegerType::get(type.getContext(), 8));
}

/// Elements of `param`, null where they are unknown.
const Array *findParam(tern::ParamOp param,
                       const std::map<std::string, Array> &params,
                       std::optional<Array> &storage) {
  auto given = params.find(param.getSymName().str());
  if (given != params.end())
    return &given->second;
  auto dense = dyn_cast<DenseElementsAttr>(param.getSource());
  if (!dense || !isRunnable(dense.getType()))
    return nullptr;
  storage = arrayOf(dense);
  return &*storage;
}

} // namespace

void sterna::convertTrits(func::FuncOp function) {
  function.walk([](Operation *op) {
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        argument.setType(withoutTrits(argument.getType()));
    for (Value result : op->getResults())
      result.setType(withoutTrits(result.getType()));
  });
  function.walk([](tern::UnpackOp op) {
    op.replaceAllUsesWith(op.getInput());
    op.erase();
  });
  function.setType(FunctionType::get(
      function.getContext(), function.getBody().getArgumentTypes(),
      function.getBody().front().getTerminator()->getOperandTypes()));
}

LogicalResult sterna::bindParams(func::FuncOp function,
                                 const std::map<std::string, Array> &params,
                                 std::vector<Array> &inputs) {
  llvm::MapVector<StringAttr, SmallVector<tern::GetParamOp>> reads;
  function.walk([&](tern::GetParamOp op) {
    reads[op.getParamAttr().getAttr()].push_back(op);
  });
  for (auto &[name, ops] : reads) {
    auto param =
        SymbolTable::lookupNearestSymbolFrom<tern::ParamOp>(function, name);
    std::optional<Array> storage;
    const Array *elements = param ? findParam(param, params, storage) : nullptr;
    if (!elements)
      return ops.front().emitError("expected elements of parameter '")
             << name.getValue()
             << "': pass them with --param=" << name.getValue() << "=FILE.npy";
    unsigned index = function.getNumArguments();
    Type type = ops.front().getType();
    if (failed(function.insertArgument(index, type, {}, ops.front().getLoc())))
      return failure();
    inputs.push_back(*elements);
    for (tern::GetParamOp op : ops) {
      op.replaceAllUsesWith(Value(function.getArgument(index)));
      op.erase();
    }
  }
  return success();
}

LogicalResult sterna::checkInputs(func::FuncOp function,
                                  ArrayRef<Array> inputs) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError("expected ")
           << function.getNumArguments() << " inputs for '"
           << function.getName() << "', but got " << inputs.size();
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (!isRunnable(type))
      return function.emitError("expected argument #")
             << index << " to have a static type with a NumPy equivalent, but "
             << "it is " << type;
    const Array &input = inputs[index];
    if (input.type != numpyType(getElementTypeOrSelf(type)) ||
        ArrayRef<int64_t>(input.shape) != shapeOf(type)) {
      InFlightDiagnostic error = function.emitError("expected input #")
                                 << index << " to be " << type
                                 << ", but its elements are " << input.type
                                 << " and its shape is [";
      llvm::interleaveComma(input.shape, error);
      return error << "]";
    }
  }
  return success();
}

FailureOr<std::vector<Array>> sterna::convertToBuffers(func::FuncOp function) {
  function.getContext()
      ->loadDialect<bufferization::BufferizationDialect,
                    memref::MemRefDialect>();
  Block &body = function.getBody().front();
  OpBuilder b(&body, body.begin());
  Location loc = function.getLoc();
  for (BlockArgument argument : body.getArguments()) {
    Type type = argument.getType();
    argument.setType(bufferOf(type));
    Operation *value;
    if (isa<RankedTensorType>(type))
      value = bufferization::ToTensorOp::create(b, loc, type, argument,
                                                /*restrict=*/true);
    else
      value = memref::LoadOp::create(b, loc, argument, ValueRange{});
    argument.replaceAllUsesExcept(value->getResult(0), value);
  }
  Operation *terminator = body.getTerminator();
  b.setInsertionPoint(terminator);
  std::vector<Array> results;
  for (Value value : terminator->getOperands()) {
    Type type = value.getType();
    if (!isRunnable(type))
      return function.emitError("expected results of static type with a NumPy "
                                "equivalent, but got ")
             << type;
    results.push_back(zerosOf(type));
    BlockArgument buffer = body.addArgument(bufferOf(type), loc);
    if (isa<RankedTensorType>(type)) {
      auto write = bufferization::MaterializeInDestinationOp::create(
          b, loc, value, buffer);
      write.setRestrict(true);
      write.setWritable(true);
    } else {
      memref::StoreOp::create(b, loc, value, buffer, ValueRange{});
    }
  }
  terminator->setOperands({});
  // Attributes of programs mean nothing below and would not translate.
  function->setDiscardableAttrs(DictionaryAttr::get(function.getContext()));
  function.setType(b.getFunctionType(body.getArgumentTypes(), {}));
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                    b.getUnitAttr());
  return results;
}
