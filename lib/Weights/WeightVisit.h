//===- WeightVisit.h - Walks over the pieces of a matrix --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The templates of WeightSource that read a matrix piece by piece, for the
// files that implement its members.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_WEIGHTVISIT_H
#define STERNA_LIB_WEIGHTS_WEIGHTVISIT_H

#include "sterna/Weights/WeightSource.h"

#include <algorithm>
#include <memory>

namespace sterna {

/// Weights in a piece: its floats fit the second-level cache. A multiple of
/// every block size. Sums over a matrix are grouped by pieces, so changing
/// this may change their last bit.
constexpr int64_t weightsPerPiece = 65536;

template <typename VisitFn>
llvm::Error WeightSource::visitWidened(int64_t firstRow, int64_t count,
                                       VisitFn visit) const {
  // A short piece of each column would be a read of its own.
  int64_t least = format->layout == RowLayout::Columns ? 256 : 1;
  int64_t rowsPerRead =
      std::min(count, std::max(least, weightsPerPiece / numCols));
  std::unique_ptr<float[]> buffer(new float[rowsPerRead * numCols]);
  for (int64_t row = firstRow, end = firstRow + count; row < end;
       row += rowsPerRead) {
    int64_t size = std::min(rowsPerRead, end - row);
    if (llvm::Error error = widenRows(row, size, buffer.get()))
      return error;
    if (!visit(reinterpret_cast<const char *>(buffer.get()), row, size))
      return llvm::Error::success();
  }
  return llvm::Error::success();
}

template <typename VisitFn>
llvm::Error WeightSource::visitBlocks(int64_t firstRow, int64_t count,
                                      VisitFn visit) const {
  if (llvm::Error error = checkRows(firstRow, count))
    return error;
  if (format->layout != RowLayout::Blocks)
    return visitWidened(
        firstRow, count, [&](const char *bytes, int64_t row, int64_t size) {
          visit(bytes, (row - firstRow) * numCols, size * numCols);
          return true;
        });
  int64_t blockSize = format->blockSize;
  int64_t blockBytes = format->blockBytes;
  int64_t numWeights = count * numCols;
  int64_t pieceWeights = std::min(weightsPerPiece, numWeights);
  std::unique_ptr<char[]> buffer(
      new char[pieceWeights / blockSize * blockBytes]);
  uint64_t position = firstRow * getRowBytes();
  for (int64_t index = 0; index < numWeights; index += weightsPerPiece) {
    int64_t size = std::min(weightsPerPiece, numWeights - index);
    int64_t bytes = size / blockSize * blockBytes;
    if (llvm::Error error = readBytes(position, buffer.get(), bytes))
      return error;
    visit(buffer.get(), index, size);
    position += bytes;
  }
  return llvm::Error::success();
}

template <typename VisitFn>
llvm::Error WeightSource::visitRows(int64_t firstRow, int64_t count,
                                    VisitFn visit) const {
  if (llvm::Error error = checkRows(firstRow, count))
    return error;
  if (format->layout != RowLayout::Blocks)
    return visitWidened(
        firstRow, count, [&](const char *bytes, int64_t row, int64_t size) {
          for (int64_t i = 0; i < size; ++i)
            if (!visit(bytes + i * numCols * sizeof(float), row + i))
              return false;
          return true;
        });
  int64_t rowBytes = getRowBytes();
  int64_t rowsPerRead =
      std::min(count, std::max<int64_t>(1, weightsPerPiece / numCols));
  std::unique_ptr<char[]> buffer(new char[rowsPerRead * rowBytes]);
  for (int64_t row = firstRow, end = firstRow + count; row < end;
       row += rowsPerRead) {
    int64_t size = std::min(rowsPerRead, end - row);
    if (llvm::Error error =
            readBytes(row * rowBytes, buffer.get(), size * rowBytes))
      return error;
    for (int64_t i = 0; i < size; ++i)
      if (!visit(buffer.get() + i * rowBytes, row + i))
        return llvm::Error::success();
  }
  return llvm::Error::success();
}

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_WEIGHTVISIT_H
