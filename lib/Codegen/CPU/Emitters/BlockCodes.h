//===- BlockCodes.h - Elements of matrices in blocks ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place where emitters learn how the codes of tern.dequantize lie.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_BLOCKCODES_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_BLOCKCODES_H

#include "KernelBuilder.h"
#include "sterna/Codegen/Kernels/Products.h"

namespace sterna::cpu {

/// Reads the right matrix of a product that is in blocks.
class BlockCodes {
public:
  BlockCodes(KernelBuilder &k, const kernels::FloatProduct &product,
             mlir::ValueRange buffers);

  /// The codes in row `row` of the `width` columns from `column`, a multiple of
  /// the width, which is 8 or 16, as f32.
  mlir::Value loadCodes(mlir::Value row, mlir::Value column,
                        int64_t width = lanes);

  /// The 8 elements from `column`, a multiple of 8.
  mlir::Value loadElements(mlir::Value row, mlir::Value column);

  /// Asks for the cache line that holds the codes of a block.
  void prefetch(mlir::Value row, mlir::Value block);

  /// Scales and minimums of each block, f16; there may be no minimums.
  mlir::Value scales, minimums;

private:
  /// Integers of `bits` bits as i32: of each of the 8 or 16 `bytes` the one
  /// whose number the lane of `numbers` says.
  mlir::Value extractBits(mlir::Value bytes, mlir::Value numbers, int64_t bits);

  KernelBuilder &k;
  mlir::Value codes;
  int64_t blockBytes;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_BLOCKCODES_H
