//===- WriteTernary.h - Ternary matrices as files store them ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams a ternary matrix to a file in one of the storage formats, a few rows
// at a time, and says why a matrix does not fit one. Nothing is ever rounded.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_WEIGHTS_WRITETERNARY_H
#define STERNA_WEIGHTS_WRITETERNARY_H

#include "sterna/Weights/StorageFormat.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace sterna {

/// A matrix of trits, whose rows can be read in any order, and its scales.
class TernarySource {
public:
  virtual ~TernarySource() = default;

  int64_t getNumRows() const { return rows; }
  int64_t getNumCols() const { return columns; }

  /// Columns that share a scale; all of them where a row has one.
  int64_t getGroup() const { return group; }

  /// The one scale of the matrix; none: each row has its own.
  std::optional<float> getScale() const { return scale; }

  /// Reads rows [first, first + count), one trit a byte.
  virtual llvm::Error readTrits(int64_t first, int64_t count, int8_t *out) = 0;

  /// Reads the scales of row `row`, one for each group.
  virtual llvm::Error readScales(int64_t row, float *out) = 0;

protected:
  int64_t rows = 0, columns = 0, group = 0;
  std::optional<float> scale;
};

/// Says why `format` cannot store a matrix like `source`, by its shape and its
/// granularity and the one scale that it may have; "" if it can.
std::string explainMisfit(const StorageFormat &format,
                          const TernarySource &source);

/// Writes `source`, which does fit, as `getMatrixBytes` bytes. Fails on a scale
/// of a row or group that `format` does not hold exactly, and on read errors.
llvm::Error writeTernary(const StorageFormat &format, TernarySource &source,
                         llvm::raw_ostream &out);

} // namespace sterna

#endif // STERNA_WEIGHTS_WRITETERNARY_H
