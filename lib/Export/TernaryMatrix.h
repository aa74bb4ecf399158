//===- TernaryMatrix.h - A ternary parameter to be written ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trits and scales of a model's linear, as writers of formats take them: in the
// order of rows that the format has, and with the scale in the matrix or beside
// it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_TERNARYMATRIX_H
#define STERNA_LIB_EXPORT_TERNARYMATRIX_H

#include "sterna/Import/Model.h"
#include "sterna/Weights/TernaryReader.h"
#include "sterna/Weights/WriteTernary.h"

namespace sterna {

class TernaryMatrix : public TernarySource {
public:
  /// Opens `parameter`. Where `interleavedHeads` is not zero, rows come in
  /// interleaved-rotary order for so many heads, else as in the model.
  static llvm::Expected<TernaryMatrix> open(const Parameter &parameter,
                                            int64_t interleavedHeads);

  /// Takes the one scale out, for a tensor beside the matrix: all trits have
  /// the scale 1 from then on.
  float takeScale();

  llvm::Error readTrits(int64_t first, int64_t count, int8_t *out) override;
  llvm::Error readScales(int64_t row, float *out) override;

private:
  explicit TernaryMatrix(TritReader reader) : trits(std::move(reader)) {}
  int64_t modelRow(int64_t row) const;

  TritReader trits;
  std::optional<TernaryScaleReader> scales; // none: `scale` is all
  int64_t headRows = 0; // rows of an interleaved head; 0: none is
};

} // namespace sterna

#endif // STERNA_LIB_EXPORT_TERNARYMATRIX_H
