//===- Rows.cpp - Kernels that work row by row ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Rows.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Rows.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Codegen/Kernels/Matching.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

static bool isRowsOfF32(RankedTensorType type) {
  return type.hasStaticShape() && type.getElementType().isF32() &&
         type.getNumElements();
}

/// Whether `op` is elementwise on tensors of the given shape, or fills them.
static bool isElementwise(Operation &op, ArrayRef<int64_t> shape) {
  return op.hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(op) ||
         isTileOp(&op, shape);
}

std::optional<Rows> Rows::match(plan::KernelOp kernel) {
  Rows rows;
  rows.norm = findRoot<tern::RmsNormOp>(kernel);
  rows.quantize = findRoot<tern::QuantizeOp>(kernel);
  if (!rows.norm && !rows.quantize)
    return std::nullopt;
  RankedTensorType type =
      rows.norm ? rows.norm.getType() : rows.quantize.getInput().getType();
  if (!isRowsOfF32(type) ||
      (rows.norm && !getArgumentNumber(rows.norm.getWeight())) ||
      (rows.quantize && rows.quantize.getInput().getType() != type) ||
      llvm::any_of(kernel.getTied(), [](int64_t tied) { return tied >= 0; }))
    return std::nullopt;
  // Of codes and scales nothing else is computed.
  if (rows.quantize && !llvm::all_of(rows.quantize->getUsers(), [](auto *user) {
        return isa<plan::YieldOp>(user);
      }))
    return std::nullopt;
  for (Operation &op : kernel.getBodyBlock()->without_terminator())
    if (&op != rows.norm && &op != rows.quantize &&
        !isElementwise(op, type.getShape()))
      return std::nullopt;
  rows.m = type.getDimSize(0);
  rows.n = type.getDimSize(1);
  return rows;
}

std::optional<NormGradient> NormGradient::match(plan::KernelOp kernel) {
  auto root = findRoot<tern::RmsNormGradOp>(kernel);
  if (!root || !isRowsOfF32(root.getType()))
    return std::nullopt;
  auto numbers = getArgumentNumbers(
      {root.getInput(), root.getWeight(), root.getCotangent()});
  auto epilogue = Epilogue::match(kernel, root);
  if (!numbers || !epilogue)
    return std::nullopt;
  NormGradient gradient;
  gradient.m = root.getType().getDimSize(0);
  gradient.n = root.getType().getDimSize(1);
  gradient.input = (*numbers)[0];
  gradient.weight = (*numbers)[1];
  gradient.cotangent = (*numbers)[2];
  gradient.epsilon = root.getEpsilon().convertToDouble();
  gradient.epilogue = std::move(*epilogue);
  return gradient;
}
