//===- TernaryReader.h - Trits and scales of parameters ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads ternary parameters by what their attributes say of files: rows come in
// the order of the model, latent floats are quantized on the way, and scales
// that lie beside a matrix are multiplied in. For all that writes weights.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_WEIGHTS_TERNARYREADER_H
#define STERNA_WEIGHTS_TERNARYREADER_H

#include "sterna/Weights/WeightSource.h"

#include <optional>
#include <vector>

namespace sterna {

/// Reads rows of a ternary parameter.
class TritReader {
public:
  /// Opens the matrix of `rows` x `columns` that `source` describes. Fails
  /// where rows cannot come in the order that `source` says.
  static llvm::Expected<TritReader> open(tern::FileSourceAttr source,
                                         int64_t rows, int64_t columns);

  /// Reads rows [first, first + count), each into `stride` bytes of `out`.
  llvm::Error read(int64_t first, int64_t count, int8_t *out, int64_t stride);

private:
  TritReader(tern::FileSourceAttr source, WeightSource weight)
      : source(source), weight(std::move(weight)) {}
  llvm::Error decode(int64_t first, int64_t count, int8_t *out);

  tern::FileSourceAttr source;
  WeightSource weight;
  float multiplier = 0;
};

/// Reads the scales of a ternary parameter that has several.
class TernaryScaleReader {
public:
  /// Opens the scales of a matrix of `rows` rows.
  static llvm::Expected<TernaryScaleReader> open(tern::TernaryScalesAttr scales,
                                                 int64_t rows);

  /// Groups of a row.
  int64_t getNumGroups() const { return int64_t(factors.size()); }

  /// Reads the scales of row `row`, one for each group, to `out`. Fails where
  /// one is not finite.
  llvm::Error read(int64_t row, llvm::MutableArrayRef<float> out);

private:
  TernaryScaleReader(tern::TernaryScalesAttr scales, WeightSource weight)
      : scales(scales), weight(std::move(weight)) {}
  llvm::Error openFactors();
  llvm::Error readFactors(int64_t row);

  tern::TernaryScalesAttr scales;
  WeightSource weight;
  /// Of a matrix that is quantized.
  std::optional<float> quantized;
  /// What scales are multiplied by: one, or one for each row of the file, or a
  /// matrix with one for each row and group.
  std::vector<float> perRow{1};
  std::optional<WeightSource> matrix;
  std::vector<float> factors; // of the groups of a row
};

} // namespace sterna

#endif // STERNA_WEIGHTS_TERNARYREADER_H
