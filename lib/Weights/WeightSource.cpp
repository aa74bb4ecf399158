//===- WeightSource.cpp - Chunked reading of stored matrices --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// File access and the walks over pieces of a matrix. Weights are read with
// positioned reads into a small buffer, not through a mapping: mapped pages of
// a large model would count as resident memory of the compiler.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/WeightSource.h"

#include "WeightVisit.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

std::string sterna::formatNumber(double value) {
  std::string text;
  raw_string_ostream(text) << llvm::format("%.9g", value);
  return text;
}

std::string sterna::quoteText(StringRef text) {
  std::string quoted;
  raw_string_ostream stream(quoted);
  stream << '\'';
  printEscapedString(text.take_front(200), stream);
  stream << (text.size() > 200 ? "...'" : "'");
  return quoted;
}

std::string sterna::listAlternatives(ArrayRef<std::string> names) {
  if (names.size() == 1)
    return names.front();
  return llvm::join(names.drop_back(), ", ") + " or " + names.back();
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

WeightSource::WeightSource(std::string path, sys::fs::file_t file,
                           uint64_t offset, const StorageFormat &format,
                           int64_t numRows, int64_t numCols)
    : path(std::move(path)), file(file), offset(offset), format(&format),
      numRows(numRows), numCols(numCols) {}

WeightSource::WeightSource(WeightSource &&other) noexcept
    : path(std::move(other.path)), file(other.file), offset(other.offset),
      format(other.format), numRows(other.numRows), numCols(other.numCols),
      scale(other.scale), groupScales(std::move(other.groupScales)),
      group(other.group) {
  other.file = sys::fs::kInvalidFile;
}

WeightSource &WeightSource::operator=(WeightSource &&other) noexcept {
  std::swap(path, other.path);
  std::swap(file, other.file);
  offset = other.offset;
  format = other.format;
  numRows = other.numRows;
  numCols = other.numCols;
  scale = other.scale;
  groupScales = std::move(other.groupScales);
  group = other.group;
  return *this;
}

WeightSource::~WeightSource() {
  if (file != sys::fs::kInvalidFile)
    (void)sys::fs::closeFile(file); // was only read
}

Expected<WeightSource> WeightSource::open(StringRef path, uint64_t offset,
                                          StorageType type, int64_t numRows,
                                          int64_t numCols) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return createStringError(Twine(path) + ": " + code.message());
  if (status.type() != sys::fs::file_type::regular_file)
    return createStringError(Twine(path) + ": expected a regular file");

  const StorageFormat &format = getStorageFormat(type);
  if (!format.isWhole(numRows, numCols))
    return createStringError(
        Twine(path) + ": expected rows and columns to be positive and " +
        format.getDividedCount() + " to be a multiple of " +
        Twine(format.blockSize) + " for " + format.name + ", but got " +
        Twine(numRows) + " x " + Twine(numCols));

  std::optional<uint64_t> bytes = format.getMatrixBytes(numRows, numCols);
  uint64_t available =
      status.getSize() > offset ? status.getSize() - offset : 0;
  if (!bytes || *bytes > available)
    return createStringError(
        Twine(path) + ": expected " + Twine(numRows) + " x " + Twine(numCols) +
        " weights of type " + format.name + " at byte " + Twine(offset) +
        ", but the file ends at " + Twine(status.getSize()));

  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file)
    return createStringError(Twine(path) + ": " + toString(file.takeError()));
  WeightSource source(path.str(), *file, offset, format, numRows, numCols);
  if (format.layout == RowLayout::Run)
    if (Error error = source.readScale())
      return std::move(error);
  return std::move(source);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

int64_t WeightSource::getRowBytes() const {
  return numCols / format->blockSize * format->blockBytes;
}

Error WeightSource::checkRows(int64_t firstRow, int64_t count) const {
  if (firstRow < 0 || count < 0 || firstRow > numRows ||
      count > numRows - firstRow)
    return createStringError(Twine(path) + ": expected rows within 0 .. " +
                             Twine(numRows) + ", but got " + Twine(count) +
                             " rows from " + Twine(firstRow));
  return Error::success();
}

Error WeightSource::readBytes(uint64_t position, char *buffer,
                              size_t size) const {
  while (size != 0) {
    Expected<size_t> read = sys::fs::readNativeFileSlice(
        file, MutableArrayRef<char>(buffer, size), offset + position);
    if (!read)
      return createStringError(Twine(path) + ": " + toString(read.takeError()));
    if (*read == 0)
      return createStringError(
          Twine(path) + ": expected " + Twine(size) + " more bytes at byte " +
          Twine(offset + position) + ", but the file has become shorter");
    buffer += *read;
    position += *read;
    size -= *read;
  }
  return Error::success();
}

Error WeightSource::readScale() {
  uint64_t position =
      uint64_t(numRows) * numCols / format->blockSize * format->blockBytes;
  if (Error error =
          readBytes(position, reinterpret_cast<char *>(&scale), sizeof(scale)))
    return error;
  if (!std::isfinite(scale))
    return createStringError(Twine(path) + ": expected a finite scale of the " +
                             format->name + " matrix at byte " + Twine(offset) +
                             ", but got " + formatNumber(scale) + " at byte " +
                             Twine(offset + position));
  return Error::success();
}

Error WeightSource::decodeRows(int64_t firstRow, int64_t count,
                               float *out) const {
  Error error = visitBlocks(
      firstRow, count, [&](const char *bytes, int64_t index, int64_t size) {
        format->decodeFloats(bytes, size, out + index);
      });
  if (error || !groupScales)
    return error;
  return multiplyRows(firstRow, count, out);
}

Error WeightSource::setScales(WeightSource scales, int64_t columns) {
  if (columns < 1 || scales.numRows != numRows ||
      scales.numCols != int64_t(divideCeil(numCols, columns)))
    return createStringError(
        Twine(path) + ": expected scales for " + Twine(numRows) + " rows and " +
        Twine(columns) + " columns each of " + Twine(numCols) + ", but got " +
        Twine(scales.numRows) + " x " + Twine(scales.numCols));
  groupScales = std::make_unique<WeightSource>(std::move(scales));
  group = columns;
  return Error::success();
}

Error WeightSource::multiplyRows(int64_t firstRow, int64_t count,
                                 float *rows) const {
  std::vector<float> factors(groupScales->numCols);
  for (int64_t row = 0; row < count; ++row) {
    if (Error error =
            groupScales->decodeRows(firstRow + row, 1, factors.data()))
      return error;
    for (int64_t column = 0; column < numCols; ++column)
      rows[row * numCols + column] *= factors[column / group];
  }
  return Error::success();
}

Error WeightSource::decodeTrits(int64_t firstRow, int64_t count,
                                int8_t *out) const {
  return visitBlocks(firstRow, count,
                     [&](const char *bytes, int64_t index, int64_t size) {
                       format->decodeSigns(bytes, size, out + index);
                     });
}

Error WeightSource::copyStored(raw_ostream &out) const {
  uint64_t size = *format->getMatrixBytes(numRows, numCols);
  std::vector<char> buffer(std::min<uint64_t>(size, 1 << 18));
  for (uint64_t position = 0; position < size; position += buffer.size()) {
    size_t count = std::min<uint64_t>(buffer.size(), size - position);
    if (Error error = readBytes(position, buffer.data(), count))
      return error;
    out.write(buffer.data(), count);
  }
  return Error::success();
}

Expected<WeightSource> sterna::openWeight(tern::FileSourceAttr source,
                                          int64_t rows, int64_t columns) {
  auto weight = WeightSource::open(source.getPath(), source.getOffset(),
                                   source.getStorage(), rows, columns);
  auto scales = cast_or_null<tern::FileSourceAttr>(source.getScales());
  if (!weight || !scales)
    return weight;
  auto opened =
      openWeight(scales, rows, divideCeil(columns, source.getGroup()));
  if (!opened)
    return opened.takeError();
  if (Error error = weight->setScales(std::move(*opened), source.getGroup()))
    return std::move(error);
  return weight;
}
