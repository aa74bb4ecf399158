//===- Uniform.cpp - Whether elements are computed alike ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Uniform.h.
//
//===----------------------------------------------------------------------===//

#include "Uniform.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;

static bool isUniformLoop(linalg::LinalgOp op) {
  bool isPlain = llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return map.isProjectedPermutation();
  });
  WalkResult picks = op->walk([](Operation *inner) {
    return isa<linalg::IndexOp, tensor::ExtractOp>(inner)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return isPlain && !picks.wasInterrupted();
}

/// Whether `op` treats all elements alike.
static bool isUniform(Operation *op) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return llvm::all_of(slice.getStaticOffsets(),
                        [](int64_t offset) { return offset == 0; }) &&
           llvm::all_of(slice.getStaticStrides(),
                        [](int64_t stride) { return stride == 1; });
  if (auto loops = dyn_cast<linalg::LinalgOp>(op))
    return isUniformLoop(loops);
  return isa<tern::GetParamOp, arith::ConstantOp, tensor::EmptyOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) ||
         OpTrait::hasElementwiseMappableTraits(op);
}

/// Whether the integers that `value` has in its file have a sign; true where
/// they are computed.
static bool isSigned(Value value) {
  auto get = peelViews(value).getDefiningOp<tern::GetParamOp>();
  if (!get)
    return true;
  auto param = SymbolTable::lookupNearestSymbolFrom<tern::ParamOp>(
      get, get.getParamAttr());
  auto source = dyn_cast<tern::ElementsSourceAttr>(param.getSource());
  return !source || !source.getIsUnsigned();
}

/// Whether integers may be others after `op`: of what is used here, sums of
/// widened bytes cannot.
static bool mayWrap(Operation *op) {
  if (isa<arith::ExtUIOp, arith::UIToFPOp>(op))
    return isSigned(op->getOperand(0));
  if (isa<arith::ExtSIOp, arith::SIToFPOp>(op))
    return !isSigned(op->getOperand(0));
  return isa<arith::TruncIOp, arith::FPToSIOp, arith::FPToUIOp, arith::MulIOp,
             arith::ShLIOp, arith::BitcastOp>(op);
}

Computation sterna::analyzeComputation(Value value, const LinearForms &forms) {
  Computation result;
  for (Operation *op : findSlice(value, forms)) {
    result.isUniform &= isUniform(op);
    op->walk([&](Operation *inner) {
      result.isRounded |= isa<arith::TruncFOp>(inner);
      result.mayWrap |= mayWrap(inner);
    });
    DenseElementsAttr elements;
    if (matchPattern(op, m_Constant(&elements)) && !elements.isSplat())
      result.tables.push_back(op->getResult(0));
  }
  return result;
}
