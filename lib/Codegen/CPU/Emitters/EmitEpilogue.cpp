//===- EmitEpilogue.cpp - Elementwise end of a kernel ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See EmitEpilogue.h.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "sterna/Codegen/Kernels/Matching.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

/// Indices of [row, column] that a tensor of the given broadcast dimensions
/// keeps.
static SmallVector<Value> keptIndices(linalg::BroadcastOp op, Value row,
                                      Value column) {
  SmallVector<Value> indices;
  for (auto [dimension, index] : {std::pair(0, row), std::pair(1, column)})
    if (!llvm::is_contained(op.getDimensions(), dimension))
      indices.push_back(index);
  return indices;
}

void sterna::cpu::emitEpilogue(KernelBuilder &k, const Epilogue &epilogue,
                               ValueRange buffers, Value product, Value row,
                               Value column) {
  int64_t width = cast<VectorType>(product.getType()).getNumElements();
  IRMapping tiles;
  tiles.map(epilogue.root->getResult(0), product);
  auto vectorOf = [&](Type tensor) {
    return VectorType::get(width, cast<ShapedType>(tensor).getElementType());
  };
  auto tileOf = [&](Value value) {
    if (!tiles.contains(value))
      tiles.map(value, k.loadVector(buffers[*getArgumentNumber(value)],
                                    {row, column}, width));
    return tiles.lookup(value);
  };
  for (Operation *op : epilogue.ops) {
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
  k.storeVector(tileOf(epilogue.result), buffers[epilogue.output],
                {row, column});
}
