//===- EntryPoint.cpp - The form in which a function is run ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything the JIT is called with is a buffer: one calling convention for
// tensors, scalars and any number of results.
//
//===----------------------------------------------------------------------===//

#include "EntryPoint.h"

#include "Parameters.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace sterna;

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
    if (!param)
      return ops.front().emitError("expected a parameter named '")
             << name.getValue() << "', but there is none";
    FailureOr<Array> elements = readParameter(param, params);
    if (failed(elements))
      return failure();
    unsigned index = function.getNumArguments();
    Type type = ops.front().getType();
    if (failed(function.insertArgument(index, type, {}, ops.front().getLoc())))
      return failure();
    inputs.push_back(std::move(*elements));
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
    if (!isArrayType(type))
      return function.emitError("expected argument #")
             << index << " to have a static type with a NumPy equivalent, but "
             << "it is " << type;
    if (failed(checkArray(inputs[index], type, "input #" + Twine(index),
                          [&] { return function.emitError(); })))
      return failure();
  }
  return success();
}

/// Makes buffers of the arguments of `function`. Those of `overwritten` are
/// read from a copy.
static void convertArguments(func::FuncOp function, OpBuilder &b,
                             ArrayRef<int64_t> overwritten) {
  Location loc = function.getLoc();
  for (BlockArgument argument : function.getArguments()) {
    Type type = argument.getType();
    argument.setType(bufferOf(type));
    Value value;
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      value = bufferization::ToTensorOp::create(b, loc, tensor, argument,
                                                /*restrict=*/true);
    else
      value = memref::LoadOp::create(b, loc, argument, ValueRange{});
    Operation *read = value.getDefiningOp();
    if (llvm::is_contained(overwritten, argument.getArgNumber()))
      value = bufferization::AllocTensorOp::create(
          b, loc, cast<RankedTensorType>(type), ValueRange{}, value);
    argument.replaceAllUsesExcept(value, read);
  }
}

static void writeResult(OpBuilder &b, Location loc, Value value, Value buffer) {
  if (!isa<RankedTensorType>(value.getType())) {
    memref::StoreOp::create(b, loc, value, buffer, ValueRange{});
    return;
  }
  auto write =
      bufferization::MaterializeInDestinationOp::create(b, loc, value, buffer);
  write.setRestrict(true);
  write.setWritable(true);
}

FailureOr<std::vector<Array>> sterna::convertToBuffers(func::FuncOp function,
                                                       ArrayRef<int64_t> tied) {
  function.getContext()
      ->loadDialect<bufferization::BufferizationDialect,
                    memref::MemRefDialect>();
  Block &body = function.getBody().front();
  OpBuilder b(&body, body.begin());
  convertArguments(function, b, tied);
  Operation *terminator = body.getTerminator();
  b.setInsertionPoint(terminator);
  std::vector<Array> results;
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    Type type = value.getType();
    if (!isArrayType(type))
      return function.emitError("expected results of static type with a NumPy "
                                "equivalent, but got ")
             << type;
    if (!tied.empty() && tied[index] >= 0) {
      writeResult(b, function.getLoc(), value, body.getArgument(tied[index]));
      continue;
    }
    results.push_back(zerosOf(type));
    writeResult(b, function.getLoc(), value,
                body.addArgument(bufferOf(type), function.getLoc()));
  }
  terminator->setOperands({});
  // Attributes of programs mean nothing below and would not translate.
  function->setDiscardableAttrs(DictionaryAttr::get(function.getContext()));
  function.setType(b.getFunctionType(body.getArgumentTypes(), {}));
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  return results;
}
