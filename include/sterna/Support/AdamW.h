//===- AdamW.h - One element's step of AdamW --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) in the
// order of PyTorch's, on scalars, for whoever builds loops around it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_ADAMW_H
#define STERNA_SUPPORT_ADAMW_H

#include "sterna/Support/TensorBuilder.h"

namespace sterna::adamw {

/// Those of PyTorch.
constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

/// The first moment after a step by `gradient`, which is clipped already.
inline mlir::Value updateFirst(const TensorBuilder &build, mlir::Value gradient,
                               mlir::Value old) {
  mlir::Type type = gradient.getType();
  return build.add(build.mul(build.constant(type, beta1), old),
                   build.mul(build.constant(type, 1 - beta1), gradient));
}

/// The second one, likewise.
inline mlir::Value updateSecond(const TensorBuilder &build,
                                mlir::Value gradient, mlir::Value old) {
  mlir::Type type = gradient.getType();
  return build.add(build.mul(build.constant(type, beta2), old),
                   build.mul(build.constant(type, 1 - beta2),
                             build.mul(gradient, gradient)));
}

/// What is the same for all parameters of a step.
struct StepScalars {
  mlir::Value decay;    ///< Factor of every parameter: 1 - rate * decay.
  mlir::Value stepSize; ///< rate / bias correction 1.
  mlir::Value root;     ///< sqrt(bias correction 2).
};

/// `parameter` after a step by new moments; `root` is that of the second.
inline mlir::Value updateParameter(const TensorBuilder &build,
                                   const StepScalars &scalars,
                                   mlir::Value parameter, mlir::Value first,
                                   mlir::Value root) {
  mlir::Value denominator =
      build.add(build.div(root, scalars.root),
                build.constant(parameter.getType(), epsilon));
  mlir::Value step = build.mul(scalars.stepSize, build.div(first, denominator));
  return build.sub(build.mul(parameter, scalars.decay), step);
}

/// Whether all of `guards` are finite: where one is not, nothing is updated.
inline mlir::Value allFinite(const TensorBuilder &build,
                             mlir::ValueRange guards) {
  mlir::Value all;
  for (mlir::Value guard : guards) {
    mlir::Value magnitude =
        mlir::math::AbsFOp::create(build.b, build.loc, guard);
    mlir::Value infinite = build.constant(
        guard.getType(), std::numeric_limits<double>::infinity());
    mlir::Value finite =
        build.compare(mlir::arith::CmpFPredicate::OLT, magnitude, infinite);
    all = all ? mlir::arith::AndIOp::create(build.b, build.loc, all, finite)
                    .getResult()
              : finite;
  }
  return all;
}

} // namespace sterna::adamw

#endif // STERNA_SUPPORT_ADAMW_H
