//===- EmitEpilogue.h - Elementwise parts of kernels ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same for all emitters: elementwise ops are built for a piece of a row at
// a time.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H

#include "KernelBuilder.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "sterna/Codegen/Kernels/Epilogue.h"

namespace sterna::cpu {

/// Builds what a kernel computes elementwise, at [row, column .. column +
/// width) of its tensors [M, N], which are kernel arguments, tile ops
/// (kernels::isTileOp) or values that are set.
class TileBuilder {
public:
  TileBuilder(KernelBuilder &k, mlir::ValueRange buffers, mlir::Value row,
              mlir::Value column, int64_t width)
      : k(k), buffers(buffers), row(row), column(column), width(width) {}

  /// Says that `tensor` is `vector` there.
  void set(mlir::Value tensor, mlir::Value vector) {
    tiles.map(tensor, vector);
  }

  /// The vector that `tensor` is there.
  mlir::Value get(mlir::Value tensor);

private:
  mlir::Value build(mlir::Value tensor);
  mlir::Value read(mlir::linalg::BroadcastOp op);

  KernelBuilder &k;
  mlir::ValueRange buffers;
  mlir::Value row, column;
  int64_t width;
  mlir::IRMapping tiles;
};

/// Stores the kernel's result at [row, column ..], given the root's result
/// there: a vector of f32 of at most as many lanes as columns remain.
void emitEpilogue(KernelBuilder &k, const kernels::Epilogue &epilogue,
                  mlir::ValueRange buffers, mlir::Value product,
                  mlir::Value row, mlir::Value column);

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITEPILOGUE_H
