//===- DoubleMath.h - Functions of f64 by arithmetic ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream approximates functions of f32 alone; kernels link no libm.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_PORTABLE_DOUBLEMATH_H
#define STERNA_LIB_CODEGEN_PORTABLE_DOUBLEMATH_H

#include "mlir/IR/PatternMatch.h"

namespace sterna {

/// Replaces math.exp and math.log of f64 scalars, within two units in the last
/// place, by additions, products and one division.
void populateDoubleMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace sterna

#endif // STERNA_LIB_CODEGEN_PORTABLE_DOUBLEMATH_H
