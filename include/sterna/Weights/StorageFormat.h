//===- StorageFormat.h - How files store matrices ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One table: what there is to know of each way to store a matrix. A new format
// is a case of `StorageType` in TernDialect.td and a row of the table.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_WEIGHTS_STORAGEFORMAT_H
#define STERNA_WEIGHTS_STORAGEFORMAT_H

#include "sterna/Dialect/Tern/IR/Tern.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sterna {

using tern::StorageType;

/// Where the rows of a matrix lie in its bytes.
enum class RowLayout {
  /// Each row is whole blocks, and row follows row.
  Blocks,
  /// Blocks of two-bit codes run on from row to row. A byte holds four weights,
  /// as many apart as a block has bytes, the first in the high bits. One scale
  /// of f32 for all follows, in 32 bytes.
  Run,
  /// A byte holds a two-bit code of each of four rows that are a quarter of the
  /// matrix apart, the first in the low bits. The scale is 1.
  Quarters,
  /// Row follows row, each of whole blocks of integers, which are widened.
  Integers,
  /// Column follows column: the transpose lies row-major.
  Columns
};

/// Bytes of a run after its blocks; the scale is the first four.
constexpr uint64_t runScaleBytes = 32;

/// A way to store a matrix. The functions take bytes at any alignment, little-
/// endian: whole blocks or, where rows are not whole blocks, the f32 to which
/// `WeightSource` has widened them, NaN for the code 3 of two bits.
struct StorageFormat {
  StorageType type;
  /// As messages have it: "TQ2_0".
  const char *name;
  /// Weights of a block and its bytes; unless layout is `Blocks`, blocks are no
  /// matter of a row.
  int64_t blockSize, blockBytes;
  RowLayout layout;

  /// Whether it stores numbers and no trits: what tables and norms may have.
  bool isFloat;

  /// Whether scales, where trits have any, are part of it. If not, every trit
  /// that is not zero has magnitude 1.
  bool hasScales;

  /// Decodes `count` weights to `out`.
  void (*decodeFloats)(const char *bytes, int64_t count, float *out);

  /// Decodes the sign of each of `count` weights, -1, 0 or 1, to `out`.
  void (*decodeSigns)(const char *bytes, int64_t count, int8_t *out);

  /// Columns of a unit, which has one magnitude if the matrix is ternary.
  int64_t unit;

  /// Writes the one magnitude that is not zero of each unit of a row of `count`
  /// weights, 0 for a unit of zeros; the last unit may be short. Returns false
  /// at a unit that has several or that holds what is no finite number or no
  /// trit.
  bool (*findMagnitudes)(const char *row, int64_t count, float *out);

  /// Writes `count` trits that share `scale`, whole blocks, to `out`. Null
  /// where the format is only read.
  void (*encodeTrits)(const int8_t *trits, int64_t count, float scale,
                      char *out) = nullptr;

  /// Whether it stores `scale` exactly; null where `encodeTrits` is.
  bool (*holdsScale)(float scale) = nullptr;

  /// Of integers and columns: widens `count` stored numbers, whole blocks.
  void (*widen)(const char *bytes, int64_t count, float *out) = nullptr;

  /// What of a matrix must be a multiple of `blockSize`: "columns", "rows" or,
  /// over all rows, "weights".
  const char *getDividedCount() const;

  /// Whether a matrix of that size is not empty and whole blocks.
  bool isWhole(int64_t rows, int64_t columns) const;

  /// The bytes of a matrix that is whole blocks, its scale included; none if
  /// they are more than any file has.
  std::optional<uint64_t> getMatrixBytes(int64_t rows, int64_t columns) const;
};

/// The row of the table for `type`.
const StorageFormat &getStorageFormat(StorageType type);

/// The names of all formats that have their scales with them, or of those of
/// floats, for messages: "F32, F16, BF16 or Q8_0".
std::string listStorageFormats(bool floatsOnly = false);

} // namespace sterna

#endif // STERNA_WEIGHTS_STORAGEFORMAT_H
