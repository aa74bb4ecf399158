//===- WidenRows.cpp - Rows that are not whole blocks ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the two-bit codes of a range of rows where blocks run across rows or
// bytes hold several rows, and widens them to f32, so that all that comes after
// reads them like a matrix of floats.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/WeightSource.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace llvm;
using namespace sterna;

/// Writes `(code - 1) * scale` of the code at bit `shift` of each of `count`
/// bytes. All bits of a NaN are set in what has the code 3: no branch.
static void widenCodes(const char *bytes, int shift, int64_t count, float scale,
                       float *out) {
  constexpr uint32_t quietNaN = 0x7fc00000;
  for (int64_t i = 0; i < count; ++i) {
    int code = static_cast<uint8_t>(bytes[i]) >> shift & 3;
    float weight = static_cast<float>(code - 1) * scale;
    uint32_t invalid = code == 3 ? quietNaN : 0;
    out[i] = bit_cast<float>(bit_cast<uint32_t>(weight) | invalid);
  }
}

/// Widens the blocks that begin at weight `begin` of a run to the part of `out`
/// that stands for the `count` weights from `first` on.
static void widenBlocks(const StorageFormat &format, const char *bytes,
                        int64_t begin, float scale, int64_t first,
                        int64_t count, float *out) {
  int64_t lanes = format.blockBytes, end = first + count;
  for (; begin < end; begin += format.blockSize, bytes += lanes) {
    bool isInside = begin >= first && begin + format.blockSize <= end;
    float edge[128];
    float *block = isInside ? out + (begin - first) : edge;
    for (int plane = 0; plane < 4; ++plane)
      widenCodes(bytes, 6 - 2 * plane, lanes, scale, block + plane * lanes);
    if (isInside)
      continue;
    int64_t from = std::max(begin, first);
    int64_t to = std::min(begin + format.blockSize, end);
    std::copy(edge + (from - begin), edge + (to - begin), out + (from - first));
  }
}

Error WeightSource::widenRun(int64_t firstRow, int64_t count,
                             float *out) const {
  int64_t first = firstRow * numCols, size = count * numCols;
  int64_t begin = alignDown(first, format->blockSize);
  int64_t numBlocks = divideCeil(first + size - begin, format->blockSize);
  std::vector<char> bytes(numBlocks * format->blockBytes);
  if (Error error = readBytes(begin / format->blockSize * format->blockBytes,
                              bytes.data(), bytes.size()))
    return error;
  widenBlocks(*format, bytes.data(), begin, scale, first, size, out);
  return Error::success();
}

Error WeightSource::widenQuarters(int64_t firstRow, int64_t count,
                                  float *out) const {
  int64_t byteRows = numRows / 4;
  std::vector<char> bytes(std::min(count, byteRows) * numCols);
  for (int64_t row = firstRow, end = firstRow + count; row < end;) {
    int64_t byteRow = row % byteRows;
    int64_t rows = std::min(end - row, byteRows - byteRow);
    if (Error error =
            readBytes(byteRow * numCols, bytes.data(), rows * numCols))
      return error;
    int shift = static_cast<int>(2 * (row / byteRows));
    widenCodes(bytes.data(), shift, rows * numCols, scale, out);
    row += rows;
    out += rows * numCols;
  }
  return Error::success();
}

Error WeightSource::widenIntegers(int64_t firstRow, int64_t count,
                                  float *out) const {
  std::vector<char> bytes(count * getRowBytes());
  if (Error error =
          readBytes(firstRow * getRowBytes(), bytes.data(), bytes.size()))
    return error;
  format->widen(bytes.data(), count * numCols, out);
  return Error::success();
}

/// Of each column, the part that belongs to the rows.
Error WeightSource::widenColumns(int64_t firstRow, int64_t count,
                                 float *out) const {
  int64_t width = format->blockBytes;
  std::vector<char> bytes(count * width);
  std::vector<float> column(count);
  for (int64_t col = 0; col < numCols; ++col) {
    uint64_t position = (uint64_t(col) * numRows + firstRow) * width;
    if (Error error = readBytes(position, bytes.data(), bytes.size()))
      return error;
    format->widen(bytes.data(), count, column.data());
    for (int64_t row = 0; row < count; ++row)
      out[row * numCols + col] = column[row];
  }
  return Error::success();
}

Error WeightSource::widenRows(int64_t firstRow, int64_t count,
                              float *out) const {
  switch (format->layout) {
  case RowLayout::Run:
    return widenRun(firstRow, count, out);
  case RowLayout::Quarters:
    return widenQuarters(firstRow, count, out);
  case RowLayout::Integers:
    return widenIntegers(firstRow, count, out);
  case RowLayout::Columns:
    return widenColumns(firstRow, count, out);
  case RowLayout::Blocks:
    break;
  }
  llvm_unreachable("blocks are read as they are");
}
