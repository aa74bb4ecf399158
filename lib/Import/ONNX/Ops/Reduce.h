//===- Reduce.h - Reductions and softmax ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What other ops are made of. Dimensions are in ascending order, and those that
// are reduced stay with extent 1.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPS_REDUCE_H
#define STERNA_LIB_IMPORT_ONNX_OPS_REDUCE_H

#include "../OpTable.h"

namespace sterna {

/// The sum of `x`, in order, over `dims`.
mlir::Value sumOver(NodeBuilder &n, const Arithmetic &math, mlir::Value x,
                    llvm::ArrayRef<int64_t> dims);

/// The greatest or the least element of `x` over `dims`, a NaN if there is one;
/// of booleans, whether any or all are true.
mlir::Value extremeOver(NodeBuilder &n, const Arithmetic &math, mlir::Value x,
                        llvm::ArrayRef<int64_t> dims, bool isMin = false);

/// Softmax over `dims` of floats `x`, or its logarithm.
mlir::Value buildSoftmax(NodeBuilder &n, mlir::Value x,
                         llvm::ArrayRef<int64_t> dims, bool isLog = false);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPS_REDUCE_H
