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
  /// Whether a tensor of scales beside a weight divides it.
  bool scalesDivide = false;
};

/// Where the scales beside the tensor `X.weight` would be.
std::string getScaleName(llvm::StringRef weight);

/// The tensor `name` of `tensors` as a parameter of trits, with the scales that
/// are found in its elements, times or by the tensor `getScaleName(name)` if
/// there is one. Fails, naming the tensor, where it has another shape, cannot
/// be read, or is not ternary, or where its scales do not fit it.
llvm::Expected<Parameter> describeTernary(const TensorTable &tensors,
                                          llvm::StringRef name,
                                          const MatrixDefinition &definition,
                                          mlir::MLIRContext *context);

/// `tensor` as the source of a parameter.
tern::FileSourceAttr describeSource(const StoredTensor &tensor,
                                    mlir::MLIRContext *context,
                                    bool quantize = false,
                                    int64_t interleavedHeads = 0);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_DESCRIBETERNARY_H
