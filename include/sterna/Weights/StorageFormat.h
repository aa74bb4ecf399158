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
#include <string>

namespace sterna {

using tern::StorageType;

/// A format splits every row into blocks of `blockSize` weights. The functions
/// take bytes at any alignment and whole blocks, little-endian.
struct StorageFormat {
  StorageType type;
  /// As messages have it: "TQ2_0".
  const char *name;
  int64_t blockSize, blockBytes;

  /// Whether it stores numbers and no trits: what tables and norms may have.
  bool isFloat;

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
};

/// The row of the table for `type`.
const StorageFormat &getStorageFormat(StorageType type);

/// The names of all formats, or of those of floats, for messages: "F32, F16,
/// BF16 or Q8_0".
std::string listStorageFormats(bool floatsOnly = false);

} // namespace sterna

#endif // STERNA_WEIGHTS_STORAGEFORMAT_H
