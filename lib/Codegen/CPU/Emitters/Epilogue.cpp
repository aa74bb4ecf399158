//===- Epilogue.cpp - Elementwise end of a kernel -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Epilogue.h.
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

/// Whether a broadcast takes a kernel argument of rank 0, of the rows or of the
/// columns to the shape of the root's result.
bool isTileBroadcast(linalg::BroadcastOp op) {
  auto type = cast<ShapedType>(op.getInput().getType());
  return isa<BlockArgument>(op.getInput()) && type.getRank() <= 1;
}

/// Whether `op` maps tiles to a tile at the same place.
bool isTileOp(Operation *op, ArrayRef<int64_t> shape) {
  if (op->getNumResults() != 1)
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || type.getShape() != shape)
    return false;
  if (getSplat(op->getResult(0)))
    return true;
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return isTileBroadcast(broadcast);
  return OpTrait::hasElementwiseMappableTraits(op);
}

/// The ops that `value` needs, `root` and what it needs left out; none when
/// one is not a tile op.
bool collect(Value value, Operation *root, ArrayRef<int64_t> shape,
             llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return cast<ShapedType>(value.getType()).getShape() == shape;
  if (op == root || ops.contains(op))
    return true;
  if (!isTileOp(op, shape))
    return false;
  if (!isa<linalg::BroadcastOp>(op) && !getSplat(value))
    for (Value operand : op->getOperands())
      if (!isa<RankedTensorType>(operand.getType()) ||
          !collect(operand, root, shape, ops))
        return false;
  ops.insert(op);
  return true;
}

/// Whether a tied argument is read only where the result is then written: as an
/// operand of a tile op or as the root's accumulator.
bool isReadInPlace(BlockArgument argument, Operation *root) {
  return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
    if (use.getOwner() == root) {
      auto matmul = dyn_cast<linalg::MatmulOp>(root);
      return matmul && matmul.isDpsInit(&use);
    }
    return !isa<linalg::BroadcastOp>(use.getOwner());
  });
}

/// Indices of [row, column] that a tensor of the given broadcast dimensions
/// keeps.
SmallVector<Value> keptIndices(linalg::BroadcastOp op, Value row,
                               Value column) {
  SmallVector<Value> indices;
  for (auto [dimension, index] : {std::pair(0, row), std::pair(1, column)})
    if (!llvm::is_contained(op.getDimensions(), dimension))
      indices.push_back(index);
  return indices;
}

} // namespace

std::optional<TypedAttr> sterna::cpu::getSplat(Value value) {
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)) && elements.isSplat())
    return elements.getSplatValue<TypedAttr>();
  TypedAttr scalar;
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    if (matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return scalar;
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    if (matchPattern(splat.getInput(), m_Constant(&scalar)))
      return scalar;
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>())
    return getSplat(broadcast.getInput());
  return std::nullopt;
}

std::optional<unsigned> sterna::cpu::getArgumentNumber(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getArgNumber();
  return std::nullopt;
}

std::optional<Epilogue> Epilogue::match(plan::KernelOp kernel,
                                        Operation *root) {
  if (kernel.getYielded().size() != 1)
    return std::nullopt;
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  Value result = kernel.getYielded()[0];
  if (type.getRank() != 2 || !type.getElementType().isF32() ||
      cast<ShapedType>(result.getType()).getShape() != type.getShape())
    return std::nullopt;
  llvm::SetVector<Operation *> ops;
  if (!collect(result, root, type.getShape(), ops))
    return std::nullopt;
  int64_t tied = kernel.getTied()[0];
  if (tied >= 0 &&
      !isReadInPlace(kernel.getBodyBlock()->getArgument(tied), root))
    return std::nullopt;
  Epilogue epilogue;
  epilogue.output = tied < 0 ? kernel.getBodyBlock()->getNumArguments() : tied;
  epilogue.result = result;
  epilogue.root = root;
  epilogue.ops = ops.takeVector();
  return epilogue;
}

void Epilogue::emit(KernelBuilder &k, ValueRange buffers, Value product,
                    Value row, Value column) const {
  int64_t width = cast<VectorType>(product.getType()).getNumElements();
  IRMapping tiles;
  tiles.map(root->getResult(0), product);
  auto vectorOf = [&](Type tensor) {
    return VectorType::get(width, cast<ShapedType>(tensor).getElementType());
  };
  auto tileOf = [&](Value value) {
    if (!tiles.contains(value))
      tiles.map(value, k.loadVector(buffers[*getArgumentNumber(value)],
                                    {row, column}, width));
    return tiles.lookup(value);
  };
  for (Operation *op : ops) {
    Value result = op->getResult(0);
    if (std::optional<TypedAttr> splat = getSplat(result)) {
      auto type = vectorOf(result.getType());
      tiles.map(result, arith::ConstantOp::create(
                            k.b, k.loc, DenseElementsAttr::get(type, *splat)));
    } else if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op)) {
      Value input = buffers[*getArgumentNumber(broadcast.getInput())];
      SmallVector<Value> indices = keptIndices(broadcast, row, column);
      bool columns = !llvm::is_contained(broadcast.getDimensions(), 1);
      tiles.map(result, columns ? k.loadVector(input, indices, width)
                                : k.splat(k.load(input, indices), width));
    } else {
      for (Value operand : op->getOperands())
        tileOf(operand);
      Operation *tile = k.b.clone(*op, tiles);
      tile->getResult(0).setType(vectorOf(result.getType()));
      tiles.map(result, tile->getResult(0));
    }
  }
  k.storeVector(tileOf(result), buffers[output], {row, column});
}
