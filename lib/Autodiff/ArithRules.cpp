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

struct AddRule : SelectsNothing {
  static Value cotangent(Build &, arith::AddFOp, unsigned, Value dy) {
    return dy;
  }
};

struct SubRule : SelectsNothing {
  static Value cotangent(Build &build, arith::SubFOp, unsigned index,
                         Value dy) {
    return index == 0 ? dy : build.neg(dy);
  }
};

struct MulRule : SelectsNothing {
  static Value cotangent(Build &build, arith::MulFOp op, unsigned index,
                         Value dy) {
    return build.mul(dy, op->getOperand(1 - index));
  }
};

struct DivRule : SelectsNothing {
  static Value cotangent(Build &build, arith::DivFOp op, unsigned index,
                         Value dy) {
    Value quotient = build.div(dy, op.getRhs());
    return index == 0 ? quotient
                      : build.neg(build.mul(quotient, op.getResult()));
  }
};

struct NegRule : SelectsNothing {
  static Value cotangent(Build &build, arith::NegFOp, unsigned, Value dy) {
    return build.neg(dy);
  }
};

/// Minima and maxima: the cotangent goes to the operand that the result is, a
/// NaN included, and in halves to both where they are equal.
template <typename Op> struct ExtremumRule : SelectsNothing {
  static Value cotangent(Build &build, Op op, unsigned index, Value dy) {
    Value mine = build.same(op->getOperand(index), op.getResult());
    Value other = build.same(op->getOperand(1 - index), op.getResult());
    Value half = build.mul(dy, build.constant(dy.getType(), 0.5));
    Value zero = build.constant(dy.getType(), 0);
    return build.select(mine, build.select(other, half, dy), zero);
  }
};

struct SelectRule {
  static bool isSelector(unsigned index) { return index == 0; }

  static Value cotangent(Build &build, arith::SelectOp op, unsigned index,
                         Value dy) {
    Value zero = build.constant(dy.getType(), 0);
    return index == 1 ? build.select(op.getCondition(), dy, zero)
                      : build.select(op.getCondition(), zero, dy);
  }
};

template <typename Op> struct ConversionRule : SelectsNothing {
  static Value cotangent(Build &build, Op op, unsigned, Value dy) {
    return build.convert(dy, getElementTypeOrSelf(op.getIn().getType()));
  }
};

template <typename Op, typename Rule> void attach(MLIRContext *context) {
  Op::template attachInterface<ElementwiseRule<Op, Rule>>(*context);
}

template <typename Op> void attachExtremum(MLIRContext *context) {
  attach<Op, ExtremumRule<Op>>(context);
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
    attachExtremum<arith::MaximumFOp>(context);
    attachExtremum<arith::MaxNumFOp>(context);
    attachExtremum<arith::MinimumFOp>(context);
    attachExtremum<arith::MinNumFOp>(context);
  });
}

void sterna::registerAutodiffRules(DialectRegistry &registry) {
  registerArithAutodiffRules(registry);
  registerMathAutodiffRules(registry);
  registerLinalgAutodiffRules(registry);
  registerTensorAutodiffRules(registry);
}
