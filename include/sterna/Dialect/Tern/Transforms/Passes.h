//===- Passes.h - Passes over the tern dialect ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_TERN_TRANSFORMS_PASSES_H
#define STERNA_DIALECT_TERN_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace sterna::tern {

#define GEN_PASS_DECL
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"

/// Adds the pattern that replaces an op by its reference decomposition.
void populateDecomposePatterns(mlir::RewritePatternSet &patterns);

#define GEN_PASS_REGISTRATION
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"

} // namespace sterna::tern

#endif // STERNA_DIALECT_TERN_TRANSFORMS_PASSES_H
