//===- Matching.cpp - What a kernel computes ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Matching.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Matching.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

std::optional<TypedAttr> sterna::kernels::getSplat(Value value) {
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

std::optional<unsigned> sterna::kernels::getArgumentNumber(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getArgNumber();
  return std::nullopt;
}

std::optional<SmallVector<unsigned>>
sterna::kernels::getArgumentNumbers(ValueRange values) {
  SmallVector<unsigned> numbers;
  for (Value value : values) {
    std::optional<unsigned> number = getArgumentNumber(value);
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}
