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
#include "sterna/Dialect/Tern/IR/Tern.h"

namespace sterna::cpu {

/// How B is stored.
enum class RightForm {
  rows,         ///< floats or signed bytes [K, N]
  columns,      ///< floats or signed bytes [N, K]
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
  /// How a ternary B is packed.
  tern::PanelAttr layout;
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

  /// Rows of B, walking along K, that a packed B is read in multiples of.
  int64_t depthUnit() const {
    return rightForm == RightForm::tritsRows ? layout.getColumns() : 16;
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

/// The layout of `weight` if it is one that the emitters read, in panels of 8
/// rows; else null.
tern::PanelAttr getPanelLayout(mlir::Value weight);

/// Whether no block of 16 columns lies in two groups of scales. Blocks of 20
/// would, and AssignLayouts gives them to no matrix that has groups.
inline bool hasWholeGroups(tern::PanelAttr layout, int64_t group) {
  return layout.getColumns() == 16 && group % 16 == 0;
}

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_FLOATPRODUCT_H
