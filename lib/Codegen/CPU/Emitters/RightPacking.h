//===- RightPacking.h - Brings a block of B to the tile's order -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tiled product reads B from scratch as f32 [k, width], whatever B's element
// type, orientation or packing. One copy serves many rows of A.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_RIGHTPACKING_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_RIGHTPACKING_H

#include "KernelBuilder.h"
#include "sterna/Codegen/Kernels/Products.h"

namespace sterna::cpu {

/// Rows of B, walking along K, that a packed B is read in multiples of.
inline int64_t depthUnit(const kernels::FloatProduct &product) {
  return product.rightForm == kernels::RightForm::tritsRows
             ? product.layout.getColumns()
             : 16;
}

/// Block of B: rows [firstRow, firstRow + rows), `vectors` x 8 columns from
/// `column`, which is a multiple of that width.
struct RightBlock {
  mlir::Value firstRow, rows, column;
  int64_t vectors;
  /// f32 [.., vectors * 8]: rows are written up to a multiple of the product's
  /// depthUnit().
  mlir::Value scratch;
};

/// Emits the copy of a block of B, the scale of a ternary matrix folded in.
/// `firstRow` must be a multiple of the product's depthUnit, and `rows` at
/// least 8 if K is. Columns beyond N get any finite or infinite value.
void emitPacking(KernelBuilder &k, const kernels::FloatProduct &product,
                 mlir::ValueRange buffers, const RightBlock &block);

/// Calls `body` for each of `vectors` x 8 columns from `column` (a multiple of
/// that width) that are within `columns`, with the number of the vector and its
/// width, in two versions where the last tile is not full.
void forEachVector(KernelBuilder &k, mlir::Value column, int64_t columns,
                   int64_t vectors,
                   llvm::function_ref<void(int64_t, int64_t)> body);

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_RIGHTPACKING_H
