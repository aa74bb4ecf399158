//===- Products.h - Kernels that are matrix products ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Three kinds of them: of floats, upstream matmuls and products with a ternary
// matrix brought to one form; of quantized tokens with a ternary matrix; of
// quantized gradients with one.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_PRODUCTS_H
#define STERNA_CODEGEN_KERNELS_PRODUCTS_H

#include "sterna/Codegen/Kernels/Epilogue.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

namespace sterna::kernels {

/// How the right matrix B of a product is stored.
enum class RightForm {
  rows,         ///< floats, signed bytes or blocks [K, N]
  columns,      ///< floats, signed bytes or blocks [N, K]
  tritsRows,    ///< trits [N, K], packed
  tritsColumns, ///< trits [K, N], packed
};

/// Arguments with the factors of a matrix in blocks (tern.dequantize).
struct BlockFactors {
  unsigned scale = 0;
  std::optional<unsigned> minimum;
};

/// C[M, N] = sum_k A(m, k) * B(k, n).
struct FloatProduct {
  int64_t m = 0, n = 0, k = 0;
  /// Numbers of the kernel arguments that hold A and B.
  unsigned left = 0, right = 0;
  /// A is stored as [K, M].
  bool leftTransposed = false;
  RightForm rightForm = RightForm::rows;
  /// Of B in blocks, whose codes `right` then holds.
  std::optional<BlockFactors> blocks;
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

  /// The product of `kernel`; none when it has another root or form.
  static std::optional<FloatProduct> match(plan::KernelOp kernel);
};

/// C[m, n] = sum_g scale[n, g] * sum_k q[m, k] * trit[n, k], q of i8, the inner
/// sum over the columns of a group.
struct Int8Product {
  int64_t m = 0, n = 0, k = 0;
  /// Numbers of the arguments: q; the trits, packed; their f32 scales, as of
  /// FloatProduct.
  unsigned left = 0, weight = 0, scale = 0;
  tern::PanelAttr layout;
  std::optional<int64_t> group;
  Epilogue epilogue;

  static std::optional<Int8Product> match(plan::KernelOp kernel);
};

/// C[m, k] = step[m] * sum_n q[m, n] * trit[n, k], q of i8 or i16.
struct GradientProduct {
  int64_t m = 0, n = 0, k = 0;
  unsigned left = 0, step = 0, weight = 0;
  /// Whether q is of i8.
  bool isInt8 = false;
  tern::PanelAttr layout;
  Epilogue epilogue;

  static std::optional<GradientProduct> match(plan::KernelOp kernel);
};

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_PRODUCTS_H
