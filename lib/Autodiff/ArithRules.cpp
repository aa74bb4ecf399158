//===- ArithRules.cpp - Differentiation rules of arith --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants need no rule: nothing differentiated reaches them.
//
//===----------------------------------------------------------------------===//

#include "ElementwiseRule.h"
#include "sterna/Autodiff/Rules.h"

using namespace mlir;
using namespace sterna;
using Build = const TensorBuilder;

namespace {

struct AddRule {
  static Value cotangent(Build &, arith::AddFOp, unsigned, Value dy) {
    return dy;
  }
};

struct SubRule {
  static Value cotangent(Build &build, arith::SubFOp, unsigned index,
                         Value dy) {
    return index == 0 ? dy : build.neg(dy);
  }
};

struct MulRule {
  static Value cotangent(Build &build, arith::MulFOp op, unsigned index,
                         Value dy) {
    return build.mul(dy, op->getOperand(1 - index));
  }
};

struct DivRule {
  static Value cotangent(Build &build, arith::DivFOp op, unsigned index,
                         Value dy) {
    Value quotient = build.div(dy, op.getRhs());
    return index == 0 ? quotient
                      : build.neg(build.mul(quotient, op.getResult()));
  }
};

struct NegRule {
  static Value cotangent(Build &build, arith::NegFOp, unsigned, Value dy) {
    return build.neg(dy);
  }
};

/// Minima and maxima: the cotangent goes to the operand that won. A tie goes to
/// the second, so that `max(x, 0)` has derivative 0 at 0, as ReLU in PyTorch.
template <typename Op, arith::CmpFPredicate firstWins> struct ExtremumRule {
  static Value cotangent(Build &build, Op op, unsigned index, Value dy) {
    Value first = build.compare(firstWins, op.getLhs(), op.getRhs());
    Value zero = build.constant(dy.getType(), 0);
    return index == 0 ? build.select(first, dy, zero)
                      : build.select(first, zero, dy);
  }
};

struct SelectRule {
  static Value cotangent(Build &build, arith::SelectOp op, unsigned index,
                         Value dy) {
    Value zero = build.constant(dy.getType(), 0);
    return index == 1 ? build.select(op.getCondition(), dy, zero)
                      : build.select(op.getCondition(), zero, dy);
  }
};

template <typename Op> struct ConversionRule {
  static Value cotangent(Build &build, Op op, unsigned, Value dy) {
    return build.convert(dy, getElementTypeOrSelf(op.getIn().getType()));
  }
};

template <typename Op, typename Rule> void attach(MLIRContext *context) {
  Op::template attachInterface<ElementwiseRule<Op, Rule>>(*context);
}

template <typename Op, arith::CmpFPredicate firstWins>
void attachExtremum(MLIRContext *context) {
  attach<Op, ExtremumRule<Op, firstWins>>(context);
}

} // namespace

void sterna::registerArithAutodiffRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attach<arith::AddFOp, AddRule>(context);
    attach<arith::SubFOp, SubRule>(context);
    attach<arith::MulFOp, MulRule>(context);
    attach<arith::DivFOp, DivRule>(context);
    attach<arith::NegFOp, NegRule>(context);
    attach<arith::SelectOp, SelectRule>(context);
    attach<arith::ExtFOp, ConversionRule<arith::ExtFOp>>(context);
    attach<arith::TruncFOp, ConversionRule<arith::TruncFOp>>(context);
    constexpr auto less = arith::CmpFPredicate::OLT;
    constexpr auto greater = arith::CmpFPredicate::OGT;
    attachExtremum<arith::MaximumFOp, greater>(context);
    attachExtremum<arith::MaxNumFOp, greater>(context);
    attachExtremum<arith::MinimumFOp, less>(context);
    attachExtremum<arith::MinNumFOp, less>(context);
  });
}

void sterna::registerAutodiffRules(DialectRegistry &registry) {
  registerArithAutodiffRules(registry);
  registerMathAutodiffRules(registry);
  registerLinalgAutodiffRules(registry);
  registerTensorAutodiffRules(registry);
}
