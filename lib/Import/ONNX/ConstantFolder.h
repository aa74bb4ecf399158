//===- ConstantFolder.h - Values of constant tensors ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exported graphs compute shapes, and shapes must be known. What is computed of
// constants alone is folded by the folders of the ops that compute it, element
// by element where the op is a loop: there is no second definition of an op.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_CONSTANTFOLDER_H
#define STERNA_LIB_IMPORT_ONNX_CONSTANTFOLDER_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"

namespace sterna {

/// The elements of `value`, a tensor; null where it depends on more than
/// constants, or takes more than some thousand steps.
mlir::DenseElementsAttr foldToConstant(mlir::Value value);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_CONSTANTFOLDER_H
