//===- Matrices.h - Products of matrices ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The product that several ops are made of.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPS_MATRICES_H
#define STERNA_LIB_IMPORT_ONNX_OPS_MATRICES_H

#include "../OpTable.h"

namespace sterna {

/// The product of `lhs` and `rhs` by the rules of numpy.matmul: of matrices in
/// the last two dimensions, the others broadcast. Floats are of 32 or 64 bits.
/// Fails, with a null value, where shapes do not agree.
mlir::Value multiplyMatrices(NodeBuilder &n, GraphValue lhs, GraphValue rhs);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPS_MATRICES_H
