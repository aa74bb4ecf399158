//===- PackFloats.h - Tables of floats and of bytes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters that are not ternary, from their file to their element type, a few
// rows at a time.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_WEIGHTS_PACKFLOATS_H
#define STERNA_WEIGHTS_PACKFLOATS_H

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Weights/WeightSource.h"

#include "llvm/Support/raw_ostream.h"

namespace sterna {

/// Writes `values` as they lie in memory.
template <typename T>
void writeElements(llvm::raw_ostream &out, llvm::ArrayRef<T> values) {
  out.write(reinterpret_cast<const char *>(values.data()),
            values.size() * sizeof(T));
}

/// Writes the elements of `source` as those of `type`: f32; f16 or bf16,
/// rounded to nearest, ties to even, where the source has another type; i8,
/// quantized per row (#tern.row_scales). Fails on values that f16 or i8 cannot
/// hold.
llvm::Error packFloats(tern::FileSourceAttr source, mlir::RankedTensorType type,
                       llvm::raw_ostream &out);

/// Writes the `rows` scales, f32, by which packFloats makes i8 elements of the
/// same matrix.
llvm::Error packRowScales(tern::RowScalesAttr scales, int64_t rows,
                          llvm::raw_ostream &out);

/// Writes the part of a matrix of `rows` rows in blocks that `blocks` says: i8,
/// or f16. Fails on values that are not finite or whose scale f16 cannot hold.
llvm::Error packBlocks(tern::BlocksAttr blocks, int64_t rows,
                       llvm::raw_ostream &out);

} // namespace sterna

#endif // STERNA_WEIGHTS_PACKFLOATS_H
