//===- FloatProduct.h - What a float product multiplies -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Brings the roots that are products of floats (upstream matmuls and products
// with a ternary matrix) to one form, C[M, N] = sum_k A(m, k) * B(k, n), for
// the emitters of tiled products and of dot products.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_FLOATPRODUCT_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_FLOATPRODUCT_H

#include "Epilogue.h"
#include "KernelBuilder.h"

namespace sterna::cpu {

/// How B is stored.
enum class RightForm {
  rows,         ///< floats [K, N]
  columns,      ///< floats [N, K]
  tritsRows,    ///< trits [N, K], packed
  tritsColumns, ///< trits [K, N], packed
};

/// A matched kernel whose root is a product of floats.
struct FloatProduct {
  int64_t m = 0, n = 0, k = 0;
  /// Numbers of the kernel arguments that hold A and B.
  unsigned left = 0, right = 0;
  /// A is stored as [K, M].
  bool leftTransposed = false;
  RightForm rightForm = RightForm::rows;
  /// Argument with the scale of a ternary B: [1], one per row of the stored
  /// matrix, or [rows, groups of `group` columns].
  unsigned scale = 0;
  std::optional<int64_t> group;
  /// Argument to which the product is added before the epilogue.
  std::optional<unsigned> accumulated;
  Epilogue epilogue;

  bool isTernary() const {
    return rightForm == RightForm::tritsRows ||
           rightForm == RightForm::tritsColumns;
  }

  /// The product of `kernel`; none when it has another root or a form that the
  /// emitters do not know.
  static std::optional<FloatProduct> match(plan::KernelOp kernel);
};

/// The only op of type `Op` in the kernel's region; none when there is another
/// number of them.
template <typename Op> Op findRoot(plan::KernelOp kernel) {
  auto found = kernel.getBodyBlock()->getOps<Op>();
  if (found.empty() || std::next(found.begin()) != found.end())
    return {};
  return *found.begin();
}

/// Whether `weight` is packed in the panels that the emitters read: 8 rows by
/// 16 columns.
bool isPackedInPanels(mlir::Value weight);

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_FLOATPRODUCT_H
