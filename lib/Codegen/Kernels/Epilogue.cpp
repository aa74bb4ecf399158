//===- Epilogue.cpp - Elementwise end of a kernel -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Epilogue.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Epilogue.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "sterna/Codegen/Kernels/Matching.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

namespace {

/// Whether a broadcast takes a kernel argument of rank 0, of the rows or of the
/// columns to the shape of the root's result.
bool isTileBroadcast(linalg::BroadcastOp op) {
  auto type = cast<ShapedType>(op.getInput().getType());
  return isa<BlockArgument>(op.getInput()) && type.getRank() <= 1;
}

/// Whether `value` is elementwise in the result of `root` and in arguments of
/// its shape.
bool isElementwiseIn(Value value, Operation *root, ArrayRef<int64_t> shape,
                     llvm::DenseSet<Operation *> &known) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return cast<ShapedType>(value.getType()).getShape() == shape;
  if (op == root || !known.insert(op).second)
    return true;
  if (!isTileOp(op, shape))
    return false;
  return isa<linalg::BroadcastOp>(op) || getSplat(value) ||
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isElementwiseIn(operand, root, shape, known);
         });
}

/// Whether a tied argument is read only where the result is then written: as an
/// operand of a tile op, as the root's accumulator, or as the cotangent of a
/// norm, of which rows are read before they are written.
bool isReadInPlace(BlockArgument argument, Operation *root) {
  return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
    if (use.getOwner() != root)
      return !isa<linalg::BroadcastOp>(use.getOwner());
    if (auto norm = dyn_cast<tern::RmsNormGradOp>(root))
      return &use == &norm.getCotangentMutable();
    auto matmul = dyn_cast<linalg::MatmulOp>(root);
    return matmul && matmul.isDpsInit(&use);
  });
}

} // namespace

bool sterna::kernels::isTileOp(Operation *op, ArrayRef<int64_t> shape) {
  auto isTensor = [](Type type) { return isa<RankedTensorType>(type); };
  if (op->getNumResults() != 1 || !isTensor(op->getResult(0).getType()) ||
      cast<RankedTensorType>(op->getResult(0).getType()).getShape() != shape)
    return false;
  if (getSplat(op->getResult(0)))
    return true;
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return isTileBroadcast(broadcast);
  return OpTrait::hasElementwiseMappableTraits(op) &&
         llvm::all_of(op->getOperandTypes(), isTensor);
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
  llvm::DenseSet<Operation *> known;
  if (!isElementwiseIn(result, root, type.getShape(), known))
    return std::nullopt;
  int64_t tied = kernel.getTied()[0];
  if (tied >= 0 &&
      !isReadInPlace(kernel.getBodyBlock()->getArgument(tied), root))
    return std::nullopt;
  Epilogue epilogue;
  epilogue.output = tied < 0 ? kernel.getBodyBlock()->getNumArguments() : tied;
  epilogue.result = result;
  epilogue.root = root;
  return epilogue;
}
