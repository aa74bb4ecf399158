//===- Norms.h - Normalization ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The norm that several ops end with.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPS_NORMS_H
#define STERNA_LIB_IMPORT_ONNX_OPS_NORMS_H

#include "../OpTable.h"

namespace sterna {

/// Sets the first output, of type `type`, to the layer norm of the last
/// dimension of `x`, which is widened. Fails where `scale` or `bias` do not
/// fit.
mlir::LogicalResult normalizeLast(NodeBuilder &n, mlir::Value x,
                                  GraphValue scale, GraphValue bias,
                                  double epsilon, DataType type);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPS_NORMS_H
