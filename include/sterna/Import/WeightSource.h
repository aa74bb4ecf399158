//===- WeightSource.h - Chunked reading of stored matrices ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads one matrix of a model file by rows, as floats or as trits, and decides
// whether it is ternary and with which scales. It is separate from the file
// formats: every importer names a matrix by path, offset, type and shape, and
// the packer streams it from there without ever holding it whole.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_WEIGHTSOURCE_H
#define STERNA_IMPORT_WEIGHTSOURCE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

/// Returns `value` as messages have it: in up to nine digits, "nan" or "inf".
std::string formatNumber(double value);

/// Storage type of a matrix. Block types split every row into whole blocks, so
/// the number of columns must be a multiple of the block.
enum class WeightType { F32, F16, BF16, Q8_0, TQ1_0, TQ2_0 };

/// Returns the name of `type`, such as "TQ2_0".
llvm::StringRef stringifyWeightType(WeightType type);

/// Returns the number of weights in one block of `type`; 1 for float types.
int64_t getWeightBlockSize(WeightType type);

/// Returns the number of bytes in one block of `type`.
int64_t getWeightBlockBytes(WeightType type);

/// Which weights share one scale.
enum class ScaleGranularity { Tensor, Row, Group };

/// What a streaming pass over a matrix of N rows and K columns found.
struct TernaryAnalysis {
  /// True if each weight is -s, 0 or +s for the scale s of its region.
  bool isTernary = false;
  /// The coarsest granularity that holds; meaningful if `isTernary`.
  ScaleGranularity granularity = ScaleGranularity::Tensor;
  /// Columns in a group (256, 128, 64 or 32) if the granularity is `Group`,
  /// else 0. Groups start anew with each row; the last one of a row is short
  /// if the group does not divide K.
  int64_t groupSize = 0;
  /// Scales, never negative: one (tensor), N (row), or N x ceil(K / group) in
  /// row-major order (group). A region of zeros alone has scale 0.
  std::vector<float> scales;
  /// If not ternary: position and values of the first contradiction, as a
  /// clause for an error message.
  std::string contradiction;
};

/// A matrix of `numRows` x `numCols` weights stored row-major in a file. Keeps
/// the file open; holds no weights. Reading is thread-safe. Move-only.
class WeightSource {
public:
  /// Opens the matrix at byte `offset` of the file `path`. Fails if the file
  /// cannot be read, the shape is empty or not whole blocks, or the matrix
  /// extends beyond the end of the file.
  static llvm::Expected<WeightSource> open(llvm::StringRef path,
                                           uint64_t offset, WeightType type,
                                           int64_t numRows, int64_t numCols);

  WeightSource(WeightSource &&other) noexcept;
  WeightSource &operator=(WeightSource &&other) noexcept;
  WeightSource(const WeightSource &) = delete;
  WeightSource &operator=(const WeightSource &) = delete;
  ~WeightSource();

  WeightType getType() const { return type; }
  int64_t getNumRows() const { return numRows; }
  int64_t getNumCols() const { return numCols; }

  /// Returns the number of bytes one row takes in the file.
  int64_t getRowBytes() const;

  /// Decodes rows [firstRow, firstRow + count) to `out`, which has room for
  /// count x numCols floats. Fails on a range outside the matrix and on read
  /// errors.
  llvm::Error decodeRows(int64_t firstRow, int64_t count, float *out) const;

  /// Decodes the same rows of a matrix that `analyzeTernary` found ternary as
  /// trits -1, 0, 1, one a byte; weight = trit x scale. For any other matrix
  /// the result is the sign of each weight.
  llvm::Error decodeTrits(int64_t firstRow, int64_t count, int8_t *out) const;

  /// Decides in one pass whether the matrix is ternary. Needs 4 bytes for
  /// every 32 weights (every 256 for TQ types). A matrix that is not ternary
  /// is a result, not an error; errors are read errors.
  llvm::Expected<TernaryAnalysis> analyzeTernary() const;

  /// Returns s = 1 / max(mean |w|, 1e-5), the multiplier by which absmean
  /// quantization maps latent weights to trits. The weight's scale is 1 / s.
  /// The mean is summed in f64. Fails if a weight is not finite.
  llvm::Expected<float> computeAbsmeanMultiplier() const;

  /// Quantizes rows [firstRow, firstRow + count) of latent weights: each trit
  /// is clamp(round_half_even(w x multiplier), -1, 1).
  llvm::Error quantizeAbsmean(int64_t firstRow, int64_t count, float multiplier,
                              int8_t *out) const;

private:
  WeightSource(std::string path, llvm::sys::fs::file_t file, uint64_t offset,
               WeightType type, int64_t numRows, int64_t numCols);

  /// Fails unless [firstRow, firstRow + count) lies inside the matrix.
  llvm::Error checkRows(int64_t firstRow, int64_t count) const;

  /// Reads `size` bytes at byte `position` of the matrix into `buffer`.
  llvm::Error readBytes(uint64_t position, char *buffer, size_t size) const;

  /// Calls `visit(bytes, index, count)` for consecutive pieces of whole blocks
  /// of the rows, in order; `index` counts the weights before the piece.
  template <typename VisitFn>
  llvm::Error visitBlocks(int64_t firstRow, int64_t count, VisitFn visit) const;

  /// Calls `visit(bytes, row)` for each row in order, until it returns false.
  template <typename VisitFn> llvm::Error visitRows(VisitFn visit) const;

  std::string path;
  llvm::sys::fs::file_t file;
  uint64_t offset;
  WeightType type;
  int64_t numRows;
  int64_t numCols;
};

} // namespace sterna

#endif // STERNA_IMPORT_WEIGHTSOURCE_H
