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

#ifndef STERNA_WEIGHTS_WEIGHTSOURCE_H
#define STERNA_WEIGHTS_WEIGHTSOURCE_H

#include "sterna/Weights/StorageFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sterna {

/// Returns `value` as messages have it: in up to nine digits, "nan" or "inf".
std::string formatNumber(double value);

/// Quotes a name or text from a file for a message, so that it stays on one
/// line and cannot upset a terminal; of a long one, the beginning.
std::string quoteText(llvm::StringRef text);

/// Returns `names`, which are not empty, as messages have them: "a, b or c".
std::string listAlternatives(llvm::ArrayRef<std::string> names);

/// Which weights share one scale.
enum class ScaleGranularity { Tensor, Row, Group };

/// What a streaming pass over a matrix of N rows and K columns found.
struct TernaryAnalysis {
  /// True if each weight is -s, 0 or +s for the scale s of its region.
  bool isTernary = false;
  /// The coarsest granularity that holds; meaningful if `isTernary`.
  ScaleGranularity granularity = ScaleGranularity::Tensor;
  /// Columns that share a scale: all of them unless the granularity is
  /// `Group`, then 256, 128, 64 or 32. Groups start anew with each row; the
  /// last one of a row is short if the group does not divide K.
  int64_t groupSize = 0;
  /// The scale if the granularity is `Tensor`, else 0; decodeScales has the
  /// others.
  float scale = 0;
  /// If not ternary: position and values of the first contradiction, as a
  /// clause for an error message.
  std::string contradiction;
};

/// A matrix of `numRows` x `numCols` weights stored row-major in a file. Keeps
/// the file open; holds no weights. Reading is thread-safe. Move-only.
class WeightSource {
public:
  /// Opens the matrix at byte `offset` of the file `path`. Fails if the file
  /// cannot be read, the shape is empty or not whole blocks, the matrix extends
  /// beyond the end of the file, or its one scale is not finite.
  static llvm::Expected<WeightSource> open(llvm::StringRef path,
                                           uint64_t offset, StorageType type,
                                           int64_t numRows, int64_t numCols);

  WeightSource(WeightSource &&other) noexcept;
  WeightSource &operator=(WeightSource &&other) noexcept;
  WeightSource(const WeightSource &) = delete;
  WeightSource &operator=(const WeightSource &) = delete;
  ~WeightSource();

  /// Multiplies what decodeRows gives by `scales`, which has a row for each of
  /// the matrix and an element for each `group` columns. Fails where it has
  /// not.
  llvm::Error setScales(WeightSource scales, int64_t group);

  StorageType getType() const { return format->type; }
  int64_t getNumRows() const { return numRows; }
  int64_t getNumCols() const { return numCols; }

  /// Decodes rows [firstRow, firstRow + count) to `out`, which has room for
  /// count x numCols floats. Fails on a range outside the matrix and on read
  /// errors.
  llvm::Error decodeRows(int64_t firstRow, int64_t count, float *out) const;

  /// Decodes the same rows of a matrix that `analyzeTernary` found ternary as
  /// trits -1, 0, 1, one a byte; weight = trit x scale. For any other matrix
  /// the result is the sign of each weight.
  llvm::Error decodeTrits(int64_t firstRow, int64_t count, int8_t *out) const;

  /// Writes the matrix as it lies in the file, with its scales.
  llvm::Error copyStored(llvm::raw_ostream &out) const;

  /// Decides in one pass whether the matrix is ternary. Needs 4 bytes for
  /// every unit of its format, 32 weights of most. A matrix that is not ternary
  /// is a result, not an error; errors are read errors.
  llvm::Expected<TernaryAnalysis> analyzeTernary() const;

  /// Writes the scales of rows [firstRow, firstRow + count) of a ternary matrix
  /// to `out`, which has room for count x ceil(numCols / groupSize) floats: the
  /// magnitude of the weights of a group that are not zero, 0 if there are
  /// none. `groupSize` is a granularity that analyzeTernary allows. Fails where
  /// a group has several magnitudes.
  llvm::Error decodeScales(int64_t firstRow, int64_t count, int64_t groupSize,
                           float *out) const;

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
               const StorageFormat &format, int64_t numRows, int64_t numCols);

  /// Fails unless [firstRow, firstRow + count) lies inside the matrix.
  llvm::Error checkRows(int64_t firstRow, int64_t count) const;

  /// Reads `size` bytes at byte `position` of the matrix into `buffer`.
  llvm::Error readBytes(uint64_t position, char *buffer, size_t size) const;

  /// Bytes of a row of whole blocks.
  int64_t getRowBytes() const;

  /// Reads the scale of a run.
  llvm::Error readScale();

  /// Widens rows [firstRow, firstRow + count), which are inside the matrix and
  /// not whole blocks, to f32 in `out`; codes 3 of two bits become NaN.
  llvm::Error widenRows(int64_t firstRow, int64_t count, float *out) const;
  llvm::Error widenRun(int64_t firstRow, int64_t count, float *out) const;
  llvm::Error widenQuarters(int64_t firstRow, int64_t count, float *out) const;
  llvm::Error widenIntegers(int64_t firstRow, int64_t count, float *out) const;
  llvm::Error widenColumns(int64_t firstRow, int64_t count, float *out) const;

  /// Calls `visit(bytes, firstRow, count)` for consecutive pieces of the rows,
  /// widened, until it returns false.
  template <typename VisitFn>
  llvm::Error visitWidened(int64_t firstRow, int64_t count,
                           VisitFn visit) const;

  /// Calls `visit(bytes, index, count)` for consecutive pieces of the rows, as
  /// the format's functions take them; `index` counts the weights before the
  /// piece.
  template <typename VisitFn>
  llvm::Error visitBlocks(int64_t firstRow, int64_t count, VisitFn visit) const;

  /// Calls `visit(bytes, row)` for each of the rows in order, likewise, until
  /// it returns false.
  template <typename VisitFn>
  llvm::Error visitRows(int64_t firstRow, int64_t count, VisitFn visit) const;

  std::string path;
  llvm::sys::fs::file_t file;
  uint64_t offset;
  const StorageFormat *format;
  int64_t numRows;
  int64_t numCols;
  float scale = 1; // of a matrix whose format is widened
  /// What decodeRows multiplies by, one number for each `group` columns of each
  /// row; null: nothing.
  std::unique_ptr<WeightSource> groupScales;
  int64_t group = 0;

  llvm::Error multiplyRows(int64_t firstRow, int64_t count, float *rows) const;
};

/// Opens the matrix of `rows` x `columns` that `source` describes, as it lies
/// in the file.
llvm::Expected<WeightSource> openWeight(tern::FileSourceAttr source,
                                        int64_t rows, int64_t columns);

} // namespace sterna

#endif // STERNA_WEIGHTS_WEIGHTSOURCE_H
