//===- MathRules.cpp - Differentiation rules of math ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Derivatives of elementary functions; `y` is the op's own result where the
// derivative is cheaper in terms of it.
//
//===----------------------------------------------------------------------===//

#include "ElementwiseRule.h"
#include "sterna/Autodiff/Rules.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using Build = const TensorBuilder;

namespace {

/// dx = y * dy
struct ExpRule : SelectsNothing {
  static Value cotangent(Build &build, math::ExpOp op, unsigned, Value dy) {
    return build.mul(dy, op.getResult());
  }
};

/// dx = dy / x
struct LogRule : SelectsNothing {
  static Value cotangent(Build &build, math::LogOp op, unsigned, Value dy) {
    return build.div(dy, op.getOperand());
  }
};

/// dx = dy / (1 + x)
struct Log1pRule : SelectsNothing {
  static Value cotangent(Build &build, math::Log1pOp op, unsigned, Value dy) {
    Value one = build.constant(dy.getType(), 1);
    return build.div(dy, build.add(one, op.getOperand()));
  }
};

/// sqrt(1 - x^2)
Value complement(Build &build, Value x) {
  Value one = build.constant(x.getType(), 1);
  return build.sqrt(build.sub(one, build.mul(x, x)));
}

/// dx = dy / sqrt(1 - x^2)
struct AsinRule : SelectsNothing {
  static Value cotangent(Build &build, math::AsinOp op, unsigned, Value dy) {
    return build.div(dy, complement(build, op.getOperand()));
  }
};

/// dx = -dy / sqrt(1 - x^2)
struct AcosRule : SelectsNothing {
  static Value cotangent(Build &build, math::AcosOp op, unsigned, Value dy) {
    return build.neg(build.div(dy, complement(build, op.getOperand())));
  }
};

/// dx = dy / (1 + x^2)
struct AtanRule : SelectsNothing {
  static Value cotangent(Build &build, math::AtanOp op, unsigned, Value dy) {
    Value x = op.getOperand();
    Value one = build.constant(dy.getType(), 1);
    return build.div(dy, build.add(one, build.mul(x, x)));
  }
};

/// dx = dy / (2 y)
struct SqrtRule : SelectsNothing {
  static Value cotangent(Build &build, math::SqrtOp op, unsigned, Value dy) {
    Value half = build.constant(dy.getType(), 0.5);
    return build.div(build.mul(dy, half), op.getResult());
  }
};

/// dx = -y^3 / 2 * dy
struct RsqrtRule : SelectsNothing {
  static Value cotangent(Build &build, math::RsqrtOp op, unsigned, Value dy) {
    Value y = op.getResult();
    Value cube = build.mul(y, build.mul(y, y));
    Value factor = build.constant(dy.getType(), -0.5);
    return build.mul(dy, build.mul(factor, cube));
  }
};

/// dx = (1 - y^2) dy
struct TanhRule : SelectsNothing {
  static Value cotangent(Build &build, math::TanhOp op, unsigned, Value dy) {
    Value y = op.getResult();
    Value one = build.constant(dy.getType(), 1);
    return build.mul(dy, build.sub(one, build.mul(y, y)));
  }
};

/// dx = cos(x) dy
struct SinRule : SelectsNothing {
  static Value cotangent(Build &build, math::SinOp op, unsigned, Value dy) {
    return build.mul(dy,
                     math::CosOp::create(build.b, build.loc, op.getOperand()));
  }
};

/// dx = -sin(x) dy
struct CosRule : SelectsNothing {
  static Value cotangent(Build &build, math::CosOp op, unsigned, Value dy) {
    Value sine = math::SinOp::create(build.b, build.loc, op.getOperand());
    return build.neg(build.mul(dy, sine));
  }
};

/// The derivative of |x|: 1 or -1, and `x` itself where it is 0 or a NaN.
Value signOf(Build &build, Value x) {
  Value zero = build.constant(x.getType(), 0);
  Value one = build.constant(x.getType(), 1);
  Value negative = build.compare(arith::CmpFPredicate::OLT, x, zero);
  Value positive = build.compare(arith::CmpFPredicate::OGT, x, zero);
  return build.select(positive, one, build.select(negative, build.neg(one), x));
}

/// dx = sign(x) dy
struct AbsRule : SelectsNothing {
  static Value cotangent(Build &build, math::AbsFOp op, unsigned, Value dy) {
    return build.mul(dy, signOf(build, op.getOperand()));
  }
};

/// y = |x| with the sign of s: dx = sign(x) sign(s) dy. `s` only selects.
struct CopySignRule {
  static bool isSelector(unsigned index) { return index == 1; }

  static Value cotangent(Build &build, math::CopySignOp op, unsigned,
                         Value dy) {
    Value sign = signOf(build, op.getLhs());
    Value flipped = math::CopySignOp::create(
        build.b, build.loc, build.constant(dy.getType(), 1), op.getRhs());
    return build.mul(dy, build.mul(sign, flipped));
  }
};

/// dx = 2 / sqrt(pi) * exp(-x^2) dy
struct ErfRule : SelectsNothing {
  static Value cotangent(Build &build, math::ErfOp op, unsigned, Value dy) {
    Value x = op.getOperand();
    Value gauss =
        math::ExpOp::create(build.b, build.loc, build.neg(build.mul(x, x)));
    Value factor = build.constant(dy.getType(), 2 / std::sqrt(M_PI));
    return build.mul(dy, build.mul(factor, gauss));
  }
};

/// y = x^p: dx = p x^(p - 1) dy, 0 where p is 0; dp = y log(x) dy, 0 where x
/// is 0 and p is not negative. Those two are the limits where the formulas give
/// no number.
struct PowRule : SelectsNothing {
  static Value cotangent(Build &build, math::PowFOp op, unsigned index,
                         Value dy) {
    Value base = op.getLhs(), power = op.getRhs();
    Value zero = build.constant(dy.getType(), 0);
    Value derivative;
    if (index == 0) {
      Value one = build.constant(dy.getType(), 1);
      Value lower =
          math::PowFOp::create(build.b, build.loc, base, build.sub(power, one));
      derivative = build.mul(power, lower);
    } else {
      Value log = math::LogOp::create(build.b, build.loc, base);
      derivative = build.mul(op.getResult(), log);
    }
    Value limit = build.compare(arith::CmpFPredicate::OEQ,
                                index == 0 ? power : base, zero);
    if (index == 1)
      limit = arith::AndIOp::create(
          build.b, build.loc, limit,
          build.compare(arith::CmpFPredicate::OGE, power, zero));
    return build.mul(dy, build.select(limit, zero, derivative));
  }
};

template <typename Op, typename Rule> void attach(MLIRContext *context) {
  Op::template attachInterface<ElementwiseRule<Op, Rule>>(*context);
}

} // namespace

void sterna::registerMathAutodiffRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    attach<math::AbsFOp, AbsRule>(context);
    attach<math::AcosOp, AcosRule>(context);
    attach<math::AsinOp, AsinRule>(context);
    attach<math::AtanOp, AtanRule>(context);
    attach<math::CopySignOp, CopySignRule>(context);
    attach<math::CosOp, CosRule>(context);
    attach<math::ErfOp, ErfRule>(context);
    attach<math::ExpOp, ExpRule>(context);
    attach<math::Log1pOp, Log1pRule>(context);
    attach<math::LogOp, LogRule>(context);
    attach<math::PowFOp, PowRule>(context);
    attach<math::RsqrtOp, RsqrtRule>(context);
    attach<math::SinOp, SinRule>(context);
    attach<math::SqrtOp, SqrtRule>(context);
    attach<math::TanhOp, TanhRule>(context);
  });
}
