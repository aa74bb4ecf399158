//===- TernaryReader.cpp - Trits and scales of parameters -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TernaryReader.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/TernaryReader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace sterna;
using llvm::Error;
using llvm::Expected;

/// Fails unless `rows` rows can come in the order that `source` says.
static Error checkOrder(tern::FileSourceAttr source, int64_t rows) {
  int64_t heads = source.getInterleavedHeads();
  if (heads == 0 || (heads > 0 && rows % heads == 0 && rows / heads % 2 == 0))
    return Error::success();
  return llvm::createStringError(llvm::formatv(
      "expected {0} rows to be {1} heads of an even size", rows, heads));
}

/// The row of the file of `rows` that is `row` of the parameter.
static int64_t sourceRow(tern::FileSourceAttr source, int64_t row,
                         int64_t rows) {
  int64_t heads = source.getInterleavedHeads();
  return heads ? tern::interleavedRow(row, rows / heads) : row;
}

//===----------------------------------------------------------------------===//
// Trits
//===----------------------------------------------------------------------===//

Expected<TritReader> TritReader::open(tern::FileSourceAttr source, int64_t rows,
                                      int64_t columns) {
  auto weight = openWeight(source, rows, columns);
  if (!weight)
    return weight.takeError();
  if (Error error = checkOrder(source, rows))
    return std::move(error);
  TritReader reader(source, std::move(*weight));
  if (source.getQuantize()) {
    auto multiplier = reader.weight.computeAbsmeanMultiplier();
    if (!multiplier)
      return multiplier.takeError();
    reader.multiplier = *multiplier;
  }
  return std::move(reader);
}

Error TritReader::read(int64_t first, int64_t count, int8_t *out,
                       int64_t stride) {
  int64_t columns = weight.getNumCols();
  if (!source.getInterleavedHeads() && stride == columns)
    return decode(first, count, out);
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = sourceRow(source, first + i, weight.getNumRows());
    if (Error error = decode(row, 1, out + i * stride))
      return error;
  }
  return Error::success();
}

Error TritReader::decode(int64_t first, int64_t count, int8_t *out) {
  if (source.getQuantize())
    return weight.quantizeAbsmean(first, count, multiplier, out);
  return weight.decodeTrits(first, count, out);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

Expected<TernaryScaleReader>
TernaryScaleReader::open(tern::TernaryScalesAttr scales, int64_t rows) {
  auto weight = openWeight(scales.getOf(), rows, scales.getColumns());
  if (!weight)
    return weight.takeError();
  if (Error error = checkOrder(scales.getOf(), rows))
    return std::move(error);
  TernaryScaleReader reader(scales, std::move(*weight));
  reader.factors.resize(
      llvm::divideCeil(scales.getColumns(), scales.getGroup()));
  if (Error error = reader.openFactors())
    return std::move(error);
  if (scales.getOf().getQuantize()) {
    auto multiplier = reader.weight.computeAbsmeanMultiplier();
    if (!multiplier)
      return multiplier.takeError();
    reader.quantized = 1 / *multiplier;
  }
  return std::move(reader);
}

Error TernaryScaleReader::openFactors() {
  if (!scales.getFactors())
    return Error::success();
  int64_t count = scales.getNumFactors(), rows = weight.getNumRows();
  bool isMatrix = count != 1 && count != rows;
  auto source = isMatrix ? openWeight(scales.getFactors(), rows, getNumGroups())
                         : openWeight(scales.getFactors(), 1, count);
  if (!source)
    return source.takeError();
  if (isMatrix) {
    matrix = std::move(*source);
    return Error::success();
  }
  perRow.resize(count);
  return source->decodeRows(0, 1, perRow.data());
}

/// Reads one factor for each of the groups of row `row` of the file.
Error TernaryScaleReader::readFactors(int64_t row) {
  if (matrix)
    return matrix->decodeRows(row, 1, factors.data());
  llvm::fill(factors, perRow[perRow.size() == 1 ? 0 : row]);
  return Error::success();
}

Error TernaryScaleReader::read(int64_t row, llvm::MutableArrayRef<float> out) {
  row = sourceRow(scales.getOf(), row, weight.getNumRows());
  if (quantized)
    llvm::fill(out, *quantized);
  else if (Error error =
               weight.decodeScales(row, 1, scales.getGroup(), out.data()))
    return error;
  if (Error error = readFactors(row))
    return error;
  for (auto [value, factor] : llvm::zip_equal(out, factors)) {
    value *= factor;
    if (!std::isfinite(value))
      return llvm::createStringError(llvm::formatv(
          "expected scales within the range of f32, but one of row {0} is "
          "{1}",
          row, formatNumber(value)));
  }
  return Error::success();
}
