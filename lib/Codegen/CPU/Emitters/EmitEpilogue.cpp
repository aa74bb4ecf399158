//===- EmitEpilogue.cpp - Elementwise parts of kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See EmitEpilogue.h.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "sterna/Codegen/Kernels/Matching.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

Value TileBuilder::get(Value tensor) {
  if (!tiles.contains(tensor))
    tiles.map(tensor, build(tensor));
  return tiles.lookup(tensor);
}

Value TileBuilder::build(Value tensor) {
  auto type = VectorType::get(
      width, cast<ShapedType>(tensor.getType()).getElementType());
  if (std::optional<unsigned> number = getArgumentNumber(tensor))
    return k.loadVector(buffers[*number], {row, column}, width);
  if (std::optional<TypedAttr> splat = getSplat(tensor))
    return arith::ConstantOp::create(k.b, k.loc,
                                     DenseElementsAttr::get(type, *splat));
  Operation *op = tensor.getDefiningOp();
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return read(broadcast);
  for (Value operand : op->getOperands())
    get(operand);
  Operation *tile = k.b.clone(*op, tiles);
  tile->getResult(0).setType(type);
  return tile->getResult(0);
}

Value TileBuilder::read(linalg::BroadcastOp op) {
  Value input = buffers[*getArgumentNumber(op.getInput())];
  SmallVector<Value> indices;
  for (auto [dimension, index] : {std::pair(0, row), std::pair(1, column)})
    if (!llvm::is_contained(op.getDimensions(), dimension))
      indices.push_back(index);
  bool columns = !llvm::is_contained(op.getDimensions(), 1);
  return columns ? k.loadVector(input, indices, width)
                 : k.splat(k.load(input, indices), width);
}

void sterna::cpu::emitEpilogue(KernelBuilder &k, const Epilogue &epilogue,
                               ValueRange buffers, Value product, Value row,
                               Value column) {
  int64_t width = cast<VectorType>(product.getType()).getNumElements();
  TileBuilder tile(k, buffers, row, column, width);
  tile.set(epilogue.root->getResult(0), product);
  k.storeVector(tile.get(epilogue.result), buffers[epilogue.output],
                {row, column});
}
