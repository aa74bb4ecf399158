//===- Uniform.h - Whether elements are computed alike ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of large tensors are looked at here and there. That says something
// of the others where the ops that compute them do not pick any out.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_UNIFORM_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_UNIFORM_H

#include "DecoderParts.h"

namespace sterna {

/// How a value is computed, as far as the roots of `forms`.
struct Computation {
  /// By ops that treat all elements alike: of elements in the same place, of
  /// repeated, reordered or combined dimensions. A slice begins at the first
  /// elements.
  bool isUniform = true;
  /// Floats are rounded to fewer bits on the way.
  bool isRounded = false;
  /// Integers may wrap, or lose their sign.
  bool mayWrap = false;
  /// Constants that have several values.
  llvm::SmallVector<mlir::Value> tables;
};

Computation analyzeComputation(mlir::Value value, const LinearForms &forms);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_UNIFORM_H
