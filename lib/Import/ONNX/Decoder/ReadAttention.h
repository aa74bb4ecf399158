//===- ReadAttention.h - Attention of a decoder -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From what the output projection reads back to the projections of queries,
// keys and values: heads, groups, scale, window and rotation.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_READATTENTION_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_READATTENTION_H

#include "DecoderParts.h"
#include "Rotation.h"

namespace sterna {

struct AttentionLayer {
  /// Results of linears.
  mlir::Value q, k, v;
  /// Results of norms of the heads of q and of k; null for none.
  mlir::Value qNorm, kNorm;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  /// Columns that a token sees, 0 for all before it.
  int64_t window = 0;
  bool isInterleaved = false;
  std::vector<double> frequencies;
  /// Of rotated pairs, such that the scale is 1 / sqrt(headDim).
  double amplitude = 1;
};

/// Reads the attention whose result is `rows`, [tokens, width], in which
/// `formOf` gives the form of element `place`. Errors are about `op`.
llvm::Expected<AttentionLayer>
readAttention(const DecoderParts &parts, LinearForms &forms,
              mlir::Operation *op, int64_t tokens, int64_t width,
              llvm::function_ref<LinearForm(int64_t place)> formOf);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_READATTENTION_H
