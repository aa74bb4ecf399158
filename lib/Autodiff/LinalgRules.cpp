//===- LinalgRules.cpp - Differentiation rules of linalg ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose gradients are named ops as well have rules here, so that later
// phases know them. All others have that of LoopGradients.cpp.
//
//===----------------------------------------------------------------------===//

#include "LoopGradients.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "sterna/Autodiff/Differentiate.h"
#include "sterna/Autodiff/Rules.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;
using namespace sterna;

using Cotangents = FailureOr<SmallVector<Value>>;

namespace {

struct MatmulRule
    : DifferentiableOpInterface::ExternalModel<MatmulRule, linalg::MatmulOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<linalg::MatmulOp>(operation);
    std::optional<MatmulFactors> factors = getFactors(op);
    if (!factors)
      return buildLoopGradients(op, b, cotangents, wanted);

    TensorBuilder build{b, op.getLoc()};
    Value dy = cotangents.front();
    Factor lhs = factors->lhs, rhs = factors->rhs;
    Type element = getElementTypeOrSelf(dy.getType());
    // Gradient x * y of an operand, in the operand's own storage order.
    auto gradient = [&](Factor operand, Factor x, Factor y) {
      auto type = cast<RankedTensorType>(operand.matrix.getType());
      Type from = type.getElementType();
      type = type.clone(element);
      Value result = operand.transposed
                         ? build.matmul(y.flipped(), x.flipped(), type)
                         : build.matmul(x, y, type);
      return build.convert(result, from);
    };
    SmallVector<Value> result(3);
    // The right one, mostly a parameter's, reads the left side, which may die
    // then; the left one is as large.
    if (wanted[1])
      result[1] = gradient(rhs, lhs.flipped(), {dy, false});
    if (wanted[0])
      result[0] = gradient(lhs, {dy, false}, rhs.flipped());
    if (wanted[2])
      result[2] = dy;
    return result;
  }
};

struct BroadcastRule
    : DifferentiableOpInterface::ExternalModel<BroadcastRule,
                                               linalg::BroadcastOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<linalg::BroadcastOp>(operation);
    SmallVector<Value> result(2);
    if (wanted[0]) {
      TensorBuilder build{b, op.getLoc()};
      auto type = cast<RankedTensorType>(op.getInput().getType());
      Type wide = build.wideType(type);
      Value sum = build.sum(build.convert(cotangents.front(), wide),
                            op.getDimensions(), type.clone(wide));
      result[0] = build.convert(sum, type.getElementType());
    }
    return result;
  }
};

struct ReduceRule
    : DifferentiableOpInterface::ExternalModel<ReduceRule, linalg::ReduceOp> {
  static bool isSum(linalg::ReduceOp op) {
    Block *body = op.getBody();
    auto yield = cast<linalg::YieldOp>(body->getTerminator());
    if (op.getInputs().size() != 1)
      return false;
    auto add = yield.getOperand(0).getDefiningOp<arith::AddFOp>();
    if (!add)
      return false;
    Value x = body->getArgument(0), sum = body->getArgument(1);
    return (add.getLhs() == x && add.getRhs() == sum) ||
           (add.getLhs() == sum && add.getRhs() == x);
  }

  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<linalg::ReduceOp>(operation);
    if (!isSum(op))
      return buildLoopGradients(op, b, cotangents, wanted);
    SmallVector<Value> result(2);
    if (wanted[0])
      result[0] = TensorBuilder{b, op.getLoc()}.broadcast(
          cotangents.front(), op.getDimensions(),
          cast<RankedTensorType>(op.getInputs()[0].getType()));
    if (wanted[1])
      result[1] = cotangents.front();
    return result;
  }
};

struct TransposeRule
    : DifferentiableOpInterface::ExternalModel<TransposeRule,
                                               linalg::TransposeOp> {
  Cotangents buildCotangents(Operation *operation, OpBuilder &b,
                             ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    auto op = cast<linalg::TransposeOp>(operation);
    TensorBuilder build{b, op.getLoc()};
    SmallVector<Value> result(2);
    if (wanted[0]) {
      Value empty =
          build.empty(cast<RankedTensorType>(op.getInput().getType()));
      result[0] = linalg::TransposeOp::create(
                      b, op.getLoc(), cotangents.front(), empty,
                      invertPermutationVector(op.getPermutation()))
                      .getResult()[0];
    }
    return result;
  }
};

struct FillRule
    : DifferentiableOpInterface::ExternalModel<FillRule, linalg::FillOp> {
  Cotangents buildCotangents(Operation *op, OpBuilder &b, ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    TensorBuilder build{b, op->getLoc()};
    SmallVector<Value> result(2);
    if (wanted[0]) {
      Value sum = tensor::ExtractOp::create(
          b, op->getLoc(), build.sumAll(cotangents.front()), ValueRange{});
      result[0] = build.convert(sum, op->getOperand(0).getType());
    }
    return result;
  }
};

template <typename Op>
struct LoopRule : DifferentiableOpInterface::ExternalModel<LoopRule<Op>, Op> {
  Cotangents buildCotangents(Operation *op, OpBuilder &b, ValueRange cotangents,
                             ArrayRef<bool> wanted) const {
    return buildLoopGradients(cast<linalg::LinalgOp>(op), b, cotangents,
                              wanted);
  }

  /// A mask or an index that the body only selects by.
  bool isSelector(Operation *operation, unsigned index) const {
    auto op = cast<linalg::LinalgOp>(operation);
    Block *body = op.getBlock();
    if (isa<FloatType>(getElementTypeOrSelf(op->getOperand(index).getType())))
      return false;
    return llvm::none_of(
        body->getTerminator()->getOperands(), [&](Value yielded) {
          return dependsOn(*body, yielded, body->getArgument(index));
        });
  }
};

template <typename Op>
constexpr bool hasOwnRule =
    llvm::is_one_of<Op, linalg::BroadcastOp, linalg::FillOp, linalg::MatmulOp,
                    linalg::ReduceOp, linalg::TransposeOp>::value;

template <typename Op> void attachLoopRule(MLIRContext *context) {
  if constexpr (!hasOwnRule<Op>)
    Op::template attachInterface<LoopRule<Op>>(*context);
}

template <typename... Ops> void attachLoopRules(MLIRContext *context) {
  (attachLoopRule<Ops>(context), ...);
}

} // namespace

void sterna::registerLinalgAutodiffRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    linalg::BroadcastOp::attachInterface<BroadcastRule>(*context);
    linalg::FillOp::attachInterface<FillRule>(*context);
    linalg::MatmulOp::attachInterface<MatmulRule>(*context);
    linalg::ReduceOp::attachInterface<ReduceRule>(*context);
    linalg::TransposeOp::attachInterface<TransposeRule>(*context);
    attachLoopRules<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(context);
  });
}
