//===- ScalarForms.h - Arithmetic of linear forms ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops on scalars give where their operands are numbers or linear forms.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_SCALARFORMS_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_SCALARFORMS_H

#include "LinearForms.h"

namespace sterna {

/// A float, integer or boolean; none where f64 does not hold it.
std::optional<double> numberOf(mlir::Attribute attribute);

/// Element `place` of `elements`, likewise.
std::optional<double> numberOf(mlir::DenseElementsAttr elements, int64_t place);

/// The result of the elementwise `op`, on scalars or on one element of tensors,
/// of `operands`; none where it is not linear in them.
std::optional<LinearForm> combine(mlir::Operation *op,
                                  llvm::ArrayRef<LinearForm> operands);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_SCALARFORMS_H
