//===- Gather.h - Places that tensors hold ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPS_GATHER_H
#define STERNA_LIB_IMPORT_ONNX_OPS_GATHER_H

#include "../OpTable.h"

namespace sterna {

/// In a body: the place `element` of `extent`, as an index within it. Negative
/// ones count from the end; one beyond it is its first or last.
mlir::Value toPlace(TensorBuilder &body, mlir::Value element, int64_t extent);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPS_GATHER_H
