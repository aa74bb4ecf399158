//===- ProgramFunctions.cpp - Conventions of program functions ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries that forming dispatches, recomputation and scheduling share.
//
//===----------------------------------------------------------------------===//

#include "ProgramFunctions.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;

/// Whether results of `function` are outputs of a program.
static bool hasOutputs(func::FuncOp function) {
  return function.getNumResults() != 0 &&
         function.getResultAttr(0, tern::outputAttr);
}

SmallVector<func::FuncOp> plan::getProgramFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() &&
        (function.getNumArguments() != 0 || hasOutputs(function)) &&
        llvm::all_of(function.getArguments(), [&](BlockArgument argument) {
          unsigned number = argument.getArgNumber();
          return function.getArgAttr(number, tern::inputAttr) ||
                 function.getArgAttr(number, tern::stateAttr) ||
                 function.getArgAttr(number, tern::statesAttr);
        }))
      functions.push_back(function);
  return functions;
}

/// Elements before a slice that is contiguous in its source; none otherwise.
static std::optional<int64_t> getContiguousOffset(tensor::ExtractSliceOp op) {
  ArrayRef<int64_t> source = op.getSourceType().getShape();
  ArrayRef<int64_t> sizes = op.getStaticSizes();
  ArrayRef<int64_t> offsets = op.getStaticOffsets();
  if (!op.hasUnitStride() || llvm::any_of(offsets, ShapedType::isDynamic) ||
      llvm::any_of(sizes, ShapedType::isDynamic))
    return std::nullopt;
  int64_t offset = 0;
  bool partial = false; // a dimension further out is not whole
  for (size_t i = 0; i < source.size(); ++i) {
    offset = offset * source[i] + offsets[i];
    if (partial && sizes[i] != source[i])
      return std::nullopt;
    partial |= sizes[i] != 1;
  }
  return offset;
}

bool plan::isView(Operation *op) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return getContiguousOffset(slice).has_value();
  return isa<tern::GetParamOp, tern::CheckpointOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp>(op);
}

std::pair<Value, int64_t> plan::getViewed(Value value) {
  int64_t bytes = 0;
  while (Operation *op = value.getDefiningOp()) {
    if (!isView(op) || isa<tern::GetParamOp>(op))
      break;
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      bytes +=
          *getContiguousOffset(slice) *
          llvm::divideCeil(slice.getSourceType().getElementTypeBitWidth(), 8);
    value = op->getOperand(0);
  }
  return {value, bytes};
}

int64_t plan::bytesOf(Value value) {
  return getBufferBytes(
      tern::getBufferType(cast<RankedTensorType>(value.getType())));
}

std::optional<BlockArgument> plan::findTiedArgument(func::FuncOp function,
                                                    Value value) {
  Operation *terminator = function.front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto tied = function.getResultAttrOfType<IntegerAttr>(
        operand.getOperandNumber(), tern::tiedAttr);
    if (tied && getViewed(operand.get()).first == value)
      return function.getArgument(tied.getInt());
  }
  return std::nullopt;
}

llvm::DenseSet<Operation *> plan::getBackwardOps(func::FuncOp function) {
  llvm::DenseSet<Operation *> backward;
  llvm::DenseSet<Value> dependent;
  for (BlockArgument argument : function.getArguments())
    if (function.getArgAttr(argument.getArgNumber(), tern::lossScaleAttr))
      dependent.insert(argument);
  if (dependent.empty())
    return backward;
  for (Operation &op : function.front()) {
    if (llvm::none_of(op.getOperands(),
                      [&](Value value) { return dependent.contains(value); }))
      continue;
    backward.insert(&op);
    dependent.insert(op.result_begin(), op.result_end());
  }
  return backward;
}

llvm::DenseSet<Operation *>
plan::getRepeatableOps(const llvm::DenseSet<Operation *> &backward) {
  llvm::DenseSet<Operation *> repeatable;
  SmallVector<Operation *> worklist;
  for (Operation *op : backward)
    if (!op->hasTrait<OpTrait::IsTerminator>())
      worklist.push_back(op);
  while (!worklist.empty())
    for (Value operand : worklist.pop_back_val()->getOperands())
      if (Operation *op = operand.getDefiningOp();
          op && !backward.contains(op) && !isa<tern::CheckpointOp>(op) &&
          repeatable.insert(op).second)
        worklist.push_back(op);
  return repeatable;
}
