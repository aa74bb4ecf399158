//===- DecoderWeights.h - Where a decoder's weights lie ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the right side of a product to the bytes of a file: transposed or not,
// as floats, or as integers with a scale for all, for each row, or for each
// group of columns of a row.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_DECODERWEIGHTS_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_DECODERWEIGHTS_H

#include "../../TensorTable.h"
#include "Probes.h"

namespace sterna {

/// A matrix, and what its elements are multiplied by, or divided, if anything.
struct StoredMatrix {
  StoredTensor weight;
  std::optional<StoredTensor> scale;
  bool isDivided = false;
};

/// The matrix [rows, columns] of `linear`, which multiplies its product as
/// `input` says. Fails where it is computed in a way that is not known.
llvm::Expected<StoredMatrix> locateMatrix(const LinearPart &linear,
                                          const LinearInput &input,
                                          LinearForms &forms);

/// The parameter or constant `value`, as it lies in its file with `shape`,
/// whose elements follow each other as those of `value` do.
llvm::Expected<StoredTensor> locateTensor(mlir::Value value,
                                          std::vector<int64_t> shape);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_DECODERWEIGHTS_H
