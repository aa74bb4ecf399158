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
#include "llvm/ADT/SetVector.h"

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

} // namespace

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
