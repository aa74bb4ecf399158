//===- Attention.h - What ops of attention share ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads, and what is done to them. B is the batch, S tokens, H heads and D the
// width of one.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPS_ATTENTION_H
#define STERNA_LIB_IMPORT_ONNX_OPS_ATTENTION_H

#include "../OpTable.h"

namespace sterna {

/// [B, S, H * D] as [B, H, S, D].
mlir::Value splitHeads(NodeBuilder &n, mlir::Value x, int64_t heads);

/// [B, H, S, D] as [B, S, H * D].
mlir::Value joinHeads(NodeBuilder &n, mlir::Value x);

/// The heads of [B, H, S, D], each as often as query heads share it.
mlir::Value repeatHeads(NodeBuilder &n, mlir::Value x, int64_t times);

/// Softmax over the last dimension; a row that sees nothing, of -inf alone,
/// gets zeros.
mlir::Value softmaxOfScores(NodeBuilder &n, mlir::Value scores);

/// Scores [B, H, S, T] in which a token, behind `past` others, keeps the
/// columns that compare so with its own plus `distance`, and has `hidden` in
/// others.
mlir::Value hideColumns(NodeBuilder &n, mlir::Value scores,
                        mlir::arith::CmpIPredicate keeps, int64_t past,
                        int64_t distance, double hidden);

/// Heads [B, H, S, D] with the pairs of their first elements rotated by angles
/// whose cosines and sines are [B or 1, 1, S, D / 2 or less]: pairs of
/// neighbours, or of the halves of what is rotated.
mlir::Value rotateHeads(NodeBuilder &n, mlir::Value x, mlir::Value cosine,
                        mlir::Value sine, bool isInterleaved);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPS_ATTENTION_H
