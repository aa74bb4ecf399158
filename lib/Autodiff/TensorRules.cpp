//===- TensorRules.cpp - Differentiation rules of tensor ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements: the cotangent moves back.
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Rules.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;
using namespace sterna;

using Cotangents = FailureOr<SmallVector<Value>>;

namespace {

/// Operand `index` of `op` has cotangent `value`, the others none.
SmallVector<Value> only(Operation *op, unsigned index, Value value) {
  SmallVector<Value> result(op->getNumOperands());
  result[index] = value;
  return result;
}

struct ExpandShapeRule
    : DifferentiableOpInterface::ExternalModel<ExpandShapeRule,
                                               tensor::ExpandShapeOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents, ArrayRef<bool>) const {
    auto op = cast<tensor::ExpandShapeOp>(operation);
    return only(op, 0,
                tensor::CollapseShapeOp::create(b, op.getLoc(), op.getSrcType(),
                                                cotangents.front(),
                                                op.getReassociationIndices()));
  }
};

struct CollapseShapeRule
    : DifferentiableOpInterface::ExternalModel<CollapseShapeRule,
                                               tensor::CollapseShapeOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents, ArrayRef<bool>) const {
    auto op = cast<tensor::CollapseShapeOp>(operation);
    return only(op, 0,
                tensor::ExpandShapeOp::create(b, op.getLoc(), op.getSrcType(),
                                              cotangents.front(),
                                              op.getReassociationIndices()));
  }
};

struct ExtractSliceRule
    : DifferentiableOpInterface::ExternalModel<ExtractSliceRule,
                                               tensor::ExtractSliceOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents, ArrayRef<bool>) const {
    auto op = cast<tensor::ExtractSliceOp>(operation);
    Value zeros = TensorBuilder{b, op.getLoc()}.zeros(op.getSourceType());
    return only(
        op, 0,
        tensor::InsertSliceOp::create(b, op.getLoc(), cotangents.front(), zeros,
                                      op.getMixedOffsets(), op.getMixedSizes(),
                                      op.getMixedStrides()));
  }
};

struct InsertSliceRule
    : DifferentiableOpInterface::ExternalModel<InsertSliceRule,
                                               tensor::InsertSliceOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<tensor::InsertSliceOp>(operation);
    Value dy = cotangents.front();
    auto offsets = op.getMixedOffsets(), sizes = op.getMixedSizes(),
         strides = op.getMixedStrides();
    SmallVector<Value> result(op->getNumOperands());
    if (wanted[0])
      result[0] = tensor::ExtractSliceOp::create(
          b, op.getLoc(), op.getSourceType(), dy, offsets, sizes, strides);
    if (wanted[1]) {
      Value zeros = TensorBuilder{b, op.getLoc()}.zeros(op.getSourceType());
      result[1] = tensor::InsertSliceOp::create(b, op.getLoc(), zeros, dy,
                                                offsets, sizes, strides);
    }
    return result;
  }
};

/// Each part's cotangent is its slice.
struct ConcatRule
    : DifferentiableOpInterface::ExternalModel<ConcatRule, tensor::ConcatOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<tensor::ConcatOp>(operation);
    int64_t rank = typeOf(op.getResult()).getRank(), first = 0;
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
        strides(rank, b.getIndexAttr(1));
    SmallVector<Value> result(op->getNumOperands());
    for (auto [index, part] : llvm::enumerate(op.getInputs())) {
      ArrayRef<int64_t> shape = typeOf(part).getShape();
      offsets[op.getDim()] = b.getIndexAttr(first);
      first += shape[op.getDim()];
      if (wanted[index])
        result[index] = tensor::ExtractSliceOp::create(
            b, op.getLoc(), typeOf(part), cotangents.front(), offsets,
            getAsIndexOpFoldResult(b.getContext(), shape), strides);
    }
    return result;
  }
};

struct ExtractRule
    : DifferentiableOpInterface::ExternalModel<ExtractRule, tensor::ExtractOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents, ArrayRef<bool>) const {
    auto op = cast<tensor::ExtractOp>(operation);
    Value zeros = TensorBuilder{b, op.getLoc()}.zeros(typeOf(op.getTensor()));
    return only(op, 0,
                tensor::InsertOp::create(b, op.getLoc(), cotangents.front(),
                                         zeros, op.getIndices()));
  }
};

struct FromElementsRule
    : DifferentiableOpInterface::ExternalModel<FromElementsRule,
                                               tensor::FromElementsOp> {
  Cotangents buildCotangents(Operation *op, OpBuilder &b, ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    ArrayRef<int64_t> shape = typeOf(op->getResult(0)).getShape();
    SmallVector<Value> result(op->getNumOperands());
    for (auto [index, isWanted] : llvm::enumerate(wanted)) {
      if (!isWanted)
        continue;
      // Row-major position of the element.
      SmallVector<Value> indices(shape.size());
      int64_t rest = index;
      for (int64_t dim = shape.size() - 1; dim >= 0; --dim) {
        indices[dim] =
            arith::ConstantIndexOp::create(b, op->getLoc(), rest % shape[dim]);
        rest /= shape[dim];
      }
      result[index] = tensor::ExtractOp::create(b, op->getLoc(),
                                                cotangents.front(), indices);
    }
    return result;
  }
};

struct SplatRule
    : DifferentiableOpInterface::ExternalModel<SplatRule, tensor::SplatOp> {
  Cotangents buildCotangents(Operation *op, OpBuilder &b, ValueRange cotangents,
                             ArrayRef<bool>) const {
    Value sum = TensorBuilder{b, op->getLoc()}.sumAll(cotangents.front());
    return only(op, 0,
                tensor::ExtractOp::create(b, op->getLoc(), sum, ValueRange{}));
  }
};

} // namespace

void sterna::registerTensorAutodiffRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CollapseShapeOp::attachInterface<CollapseShapeRule>(*context);
    tensor::ConcatOp::attachInterface<ConcatRule>(*context);
    tensor::ExpandShapeOp::attachInterface<ExpandShapeRule>(*context);
    tensor::ExtractOp::attachInterface<ExtractRule>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceRule>(*context);
    tensor::FromElementsOp::attachInterface<FromElementsRule>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceRule>(*context);
    tensor::SplatOp::attachInterface<SplatRule>(*context);
  });
}
