//===- Matmul.h - Which factors are stored transposed -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A linalg.matmul reads its factors as they lie, by its indexing maps. This is
// what passes say and ask instead of maps.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_MATMUL_H
#define STERNA_SUPPORT_MATMUL_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace sterna {

/// A matrix of a product, and whether it is stored transposed.
struct Factor {
  mlir::Value matrix;
  bool transposed = false;

  Factor flipped() const { return {matrix, !transposed}; }
};

struct MatmulFactors {
  Factor lhs, rhs;

  /// Whether it is `[M, K] x [N, K]`, as a linear layer has it.
  bool isTransposedB() const { return !lhs.transposed && rhs.transposed; }
};

/// The factors of `op`; none where its maps are not those of a product of two
/// matrices to a matrix that is not transposed.
std::optional<MatmulFactors> getFactors(mlir::linalg::MatmulOp op);

/// `init` plus the product of `lhs` and `rhs`.
mlir::Value createMatmul(mlir::OpBuilder &b, mlir::Location loc,
                         const Factor &lhs, const Factor &rhs,
                         mlir::Value init);

} // namespace sterna

#endif // STERNA_SUPPORT_MATMUL_H
