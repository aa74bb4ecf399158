//===- RowLoops.h - Loops over the elements of a row ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels that work row by row have in common. Sums run in 32 lanes, each
// over every 32nd element, which are added in order at the end: the same order
// on every level, whatever its vectors.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_ROWLOOPS_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_ROWLOOPS_H

#include "KernelBuilder.h"

namespace sterna::cpu {

/// Loops over a row of `n` elements of f32, by vectors of 16.
class RowLoops {
public:
  RowLoops(KernelBuilder &k, int64_t n) : k(k), n(n) {}

  /// Workgroups for `m` such rows.
  static int64_t getWorkgroups(int64_t m, int64_t n);

  /// Builds `body` for the rows, of `m`, that workgroups [begin, end) have.
  void forEachRow(int64_t m, mlir::Value begin, mlir::Value end,
                  llvm::function_ref<void(mlir::Value)> body);

  /// Builds `body` for each vector, from its first column and its number of
  /// elements, which is less at the row's end.
  void forEach(llvm::function_ref<void(mlir::Value, int64_t)> body);

  /// The sum of products of two vectors, which `factors` builds as forEach().
  mlir::Value sum(llvm::function_ref<
                  std::pair<mlir::Value, mlir::Value>(mlir::Value, int64_t)>
                      factors);

  /// The bits of the largest magnitude among vectors that `elements` builds as
  /// forEach(). Their order is that of the floats, and a NaN is the largest.
  mlir::Value largestMagnitude(
      llvm::function_ref<mlir::Value(mlir::Value, int64_t)> elements);

  /// 1 / sqrt(squares / n + epsilon).
  mlir::Value inverseRms(mlir::Value squares, double epsilon);

  mlir::Value constant(double value);

private:
  /// The next of a vector that is carried, from it, a column and a count.
  using Step =
      llvm::function_ref<mlir::Value(mlir::Value, mlir::Value, int64_t)>;

  /// Carries two vectors over the row, which take turns.
  llvm::SmallVector<mlir::Value> carry(mlir::Value init, Step step);

  KernelBuilder &k;
  int64_t n;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_ROWLOOPS_H
