//===- WriteTernary.cpp - Ternary matrices as files store them ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WriteTernary.h. One function for each layout of rows.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/WriteTernary.h"

#include "sterna/Weights/WeightSource.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace sterna;
using llvm::Error;

static std::string refuseScale(const StorageFormat &format, float scale) {
  return llvm::formatv("the scale {0} is no number that {1} holds exactly",
                       formatNumber(scale), format.name);
}

std::string sterna::explainMisfit(const StorageFormat &format,
                                  const TernarySource &source) {
  int64_t rows = source.getNumRows(), columns = source.getNumCols();
  if (!format.encodeTrits)
    return llvm::formatv("{0} is read, but not written", format.name);
  if (!format.isWhole(rows, columns))
    return llvm::formatv("{0} needs {1} that are a multiple of {2}, but the "
                         "matrix is {3} x {4}",
                         format.name, format.getDividedCount(),
                         format.blockSize, rows, columns);
  if (source.getScale())
    return format.holdsScale(*source.getScale())
               ? std::string()
               : refuseScale(format, *source.getScale());
  int64_t group = source.getGroup();
  if (format.layout != RowLayout::Blocks)
    return llvm::formatv(
        "{0} has one scale for the matrix, but each {1} its "
        "own",
        format.name,
        group == columns
            ? std::string("row has")
            : ("group of " + llvm::Twine(group) + " columns has").str());
  if (group != columns && group % format.blockSize)
    return llvm::formatv("{0} has one scale for {1} columns, but each group of "
                         "{2} columns has its own",
                         format.name, format.blockSize, group);
  return "";
}

/// Row after row, each in runs of columns that share a scale.
static Error writeBlocks(const StorageFormat &format, TernarySource &source,
                         llvm::raw_ostream &out) {
  int64_t columns = source.getNumCols(), group = source.getGroup();
  std::vector<int8_t> trits(columns);
  std::vector<float> scales(llvm::divideCeil(columns, group));
  std::vector<char> bytes(columns / format.blockSize * format.blockBytes);
  for (int64_t row = 0; row < source.getNumRows(); ++row) {
    if (Error error = source.readTrits(row, 1, trits.data()))
      return error;
    if (Error error = source.readScales(row, scales.data()))
      return error;
    for (int64_t begin = 0; begin < columns; begin += group) {
      float scale = scales[begin / group];
      if (!format.holdsScale(scale))
        return llvm::createStringError("row " + llvm::Twine(row) + ": " +
                                       refuseScale(format, scale) +
                                       "; give another --type, such as f32");
      format.encodeTrits(
          trits.data() + begin, std::min(group, columns - begin), scale,
          bytes.data() + begin / format.blockSize * format.blockBytes);
    }
    out.write(bytes.data(), bytes.size());
  }
  return Error::success();
}

/// Blocks run on from row to row; what a row leaves waits for the next.
static Error writeRun(const StorageFormat &format, TernarySource &source,
                      llvm::raw_ostream &out) {
  int64_t columns = source.getNumCols(), waiting = 0;
  std::vector<int8_t> trits(format.blockSize + columns);
  std::vector<char> bytes(llvm::divideCeil(trits.size(), format.blockSize) *
                          format.blockBytes);
  for (int64_t row = 0; row < source.getNumRows(); ++row) {
    if (Error error = source.readTrits(row, 1, trits.data() + waiting))
      return error;
    int64_t have = waiting + columns;
    int64_t whole = llvm::alignDown(have, format.blockSize);
    format.encodeTrits(trits.data(), whole, *source.getScale(), bytes.data());
    out.write(bytes.data(), whole / format.blockSize * format.blockBytes);
    std::copy(trits.begin() + whole, trits.begin() + have, trits.begin());
    waiting = have - whole;
  }
  float scale = *source.getScale();
  out.write(reinterpret_cast<const char *>(&scale), sizeof(scale));
  out.write_zeros(runScaleBytes - sizeof(scale));
  return Error::success();
}

/// A byte has one column of four rows that are a quarter of the matrix apart.
static Error writeQuarters(const StorageFormat &format, TernarySource &source,
                           llvm::raw_ostream &out) {
  int64_t columns = source.getNumCols(), quarter = source.getNumRows() / 4;
  std::vector<int8_t> trits(4 * columns);
  std::vector<char> bytes(columns);
  for (int64_t row = 0; row < quarter; ++row) {
    for (int64_t i = 0; i < 4; ++i)
      if (Error error = source.readTrits(i * quarter + row, 1,
                                         trits.data() + i * columns))
        return error;
    format.encodeTrits(trits.data(), 4 * columns, 1, bytes.data());
    out.write(bytes.data(), bytes.size());
  }
  return Error::success();
}

Error sterna::writeTernary(const StorageFormat &format, TernarySource &source,
                           llvm::raw_ostream &out) {
  switch (format.layout) {
  case RowLayout::Blocks:
    return writeBlocks(format, source, out);
  case RowLayout::Run:
    return writeRun(format, source, out);
  case RowLayout::Quarters:
    return writeQuarters(format, source, out);
  case RowLayout::Integers:
  case RowLayout::Columns:
    break;
  }
  llvm_unreachable("a layout that is only read");
}
