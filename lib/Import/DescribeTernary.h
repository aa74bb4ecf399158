//===- DescribeTernary.h - Ternary matrices as parameters -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks at all elements of a stored matrix: whether they are ternary, and which
// of them share a scale.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_DESCRIBETERNARY_H
#define STERNA_LIB_IMPORT_DESCRIBETERNARY_H

#include "TensorTable.h"
#include "sterna/Import/Model.h"

namespace sterna {

/// A matrix that is to be ternary, and how it comes.
struct MatrixDefinition {
  int64_t rows = 0, columns = 0;
  /// Not zero: rows come in interleaved-rotary order, for so many heads.
  int64_t interleavedHeads = 0;
  /// Whether latent floats are made ternary by absmean instead of refused.
  bool quantizeAbsmean = false;
  /// Whether scales beside a weight divide it.
  bool scalesDivide = false;
};

/// `matrix` as a parameter of trits, with the scales that are found in its
/// elements, times or by `factors`, which may be null. Fails with a message
/// that begins with `path` where it cannot be read or is not ternary, or where
/// its scales do not fit it.
llvm::Expected<Parameter> describeTernary(llvm::StringRef path,
                                          const StoredTensor &matrix,
                                          const StoredTensor *factors,
                                          const MatrixDefinition &definition,
                                          mlir::MLIRContext *context);

/// `tensor` as the source of a parameter.
tern::FileSourceAttr describeSource(const StoredTensor &tensor,
                                    mlir::MLIRContext *context,
                                    bool quantize = false,
                                    int64_t interleavedHeads = 0);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_DESCRIBETERNARY_H
