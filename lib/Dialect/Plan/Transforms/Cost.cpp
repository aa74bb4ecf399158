//===- Cost.cpp - What a dispatch takes -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Cost.h. The rates are ratios of docs/performance.md: a byte moved takes
// as long as four multiply-adds of f32, and one of bytes a quarter.
//
//===----------------------------------------------------------------------===//

#include "Cost.h"

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace sterna;

static constexpr double costOfByte = 4, costOfByteProduct = 0.25;

static double elementsOf(Type type) {
  return double(cast<RankedTensorType>(type).getNumElements());
}

/// Multiply-adds of `op`, in those of f32.
static double countProducts(Operation *op) {
  if (auto matmul = dyn_cast<tern::MatmulOp>(op)) {
    bool isBytes = matmul.getLhs().getType().getElementType().isInteger(8);
    double columns = double(matmul.getLhs().getType().getDimSize(1));
    return elementsOf(matmul.getType()) * columns *
           (isBytes ? costOfByteProduct : 1);
  }
  if (auto attention = dyn_cast<tern::AttentionOp>(op)) {
    auto keys = cast<RankedTensorType>(attention.getKey().getType());
    return 2 * elementsOf(attention.getType()) * double(keys.getDimSize(1));
  }
  auto loops = dyn_cast<linalg::LinalgOp>(op);
  if (!loops || loops.getNumReductionLoops() == 0)
    return 0;
  double iterations = 1;
  for (int64_t extent : loops.getStaticLoopRanges())
    iterations *= double(extent);
  return iterations;
}

double plan::estimateCost(KernelOp kernel) {
  double products = 0, bytes = 0;
  for (Operation &op : *kernel.getBodyBlock())
    products += countProducts(&op);
  auto addBytes = [&](TypeRange types) {
    for (Type type : types)
      bytes += double(
          getBufferBytes(tern::getBufferType(cast<RankedTensorType>(type))));
  };
  addBytes(kernel.getBodyBlock()->getArgumentTypes());
  addBytes(kernel.getResultTypes());
  return std::max(products, bytes * costOfByte);
}
