//===- ByteMatrices.h - Products of matrices of bytes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A panel of weights and some tokens multiplied by Arm's smmla, 2 rows of 8
// bytes with 2 others. Separate from ByteVectors because the sums lie
// otherwise: each instruction serves two tokens.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEMATRICES_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEMATRICES_H

#include "KernelBuilder.h"

#include <array>

namespace sterna::cpu {

/// Adds up products of signed bytes of 8 rows and at most 8 tokens, an even
/// number, exact in int32. Sums are four vectors for each two tokens, each of 2
/// rows by 2 tokens.
class ByteMatrices {
public:
  /// Eight columns of eight rows: the first four columns, then the next, both
  /// 32 x i8 with those of one row after those of the other.
  using Columns = std::array<mlir::Value, 2>;

  explicit ByteMatrices(KernelBuilder &k) : k(k) {}

  /// No sums of `tokens` tokens.
  llvm::SmallVector<mlir::Value> zeros(int64_t tokens) const;

  /// Adds the products of 8 columns of all rows with those of the tokens.
  void multiplyAdd(llvm::MutableArrayRef<mlir::Value> sums, Columns rows,
                   Columns tokens) const;

  /// The sums of each token, 8 x i32: one for each row.
  llvm::SmallVector<mlir::Value> perToken(mlir::ValueRange sums) const;

private:
  llvm::SmallVector<mlir::Value> inTwos(Columns rows) const;

  KernelBuilder &k;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEMATRICES_H
