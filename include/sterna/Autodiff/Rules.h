//===- Rules.h - Differentiation rules of upstream ops --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each function attaches `DifferentiableOpInterface` to the ops of one dialect
// when that dialect is loaded. Rules of tern ops are part of their dialect.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_AUTODIFF_RULES_H
#define STERNA_AUTODIFF_RULES_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace sterna {

/// `addf`, `subf`, `mulf`, `divf`, `negf`, minima and maxima, `select`, `extf`
/// and `truncf`, on floats and elementwise on tensors.
void registerArithAutodiffRules(mlir::DialectRegistry &registry);

/// `exp`, `log`, `log1p`, `sqrt`, `rsqrt`, `tanh`, `sin`, `cos`, `asin`,
/// `acos`, `atan`, `absf`, `copysign`, `powf`, `erf`.
void registerMathAutodiffRules(mlir::DialectRegistry &registry);

/// `matmul` in all transposed forms, `broadcast`, `transpose`, `fill`, and
/// `reduce` by addition.
void registerLinalgAutodiffRules(mlir::DialectRegistry &registry);

/// `concat`, `expand_shape`, `collapse_shape`, `extract_slice`,
/// `insert_slice`, `extract`, `from_elements` and `splat`.
void registerTensorAutodiffRules(mlir::DialectRegistry &registry);

/// All of the above.
void registerAutodiffRules(mlir::DialectRegistry &registry);

} // namespace sterna

#endif // STERNA_AUTODIFF_RULES_H
