//===- PackFloats.cpp - Tables of floats and of bytes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See PackFloats.h and FloatRows.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/PackFloats.h"

#include "FloatRows.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

Error sterna::visitRows(
    const WeightSource &weight,
    llvm::function_ref<Error(int64_t, ArrayRef<float>)> visit) {
  constexpr int64_t rowsAtATime = 256;
  int64_t columns = weight.getNumCols();
  std::vector<float> values(rowsAtATime * columns);
  for (int64_t row = 0; row < weight.getNumRows(); row += rowsAtATime) {
    int64_t count = std::min(rowsAtATime, weight.getNumRows() - row);
    if (Error error = weight.decodeRows(row, count, values.data()))
      return error;
    for (int64_t i = 0; i < count; ++i)
      if (Error error =
              visit(row + i, ArrayRef(values).slice(i * columns, columns)))
        return error;
  }
  return Error::success();
}

Error sterna::refuseValue(tern::FileSourceAttr source, int64_t row, float value,
                          const char *problem) {
  return llvm::createStringError(llvm::formatv(
      "{0}: row {1} of the matrix at byte {2} holds {3}{4}", source.getPath(),
      row, source.getOffset(), formatNumber(value), problem));
}

Error sterna::checkFinite(tern::FileSourceAttr source, int64_t row,
                          ArrayRef<float> values) {
  const float *bad =
      llvm::find_if(values, [](float value) { return !std::isfinite(value); });
  if (bad == values.end())
    return Error::success();
  return refuseValue(source, row, *bad, ": expected finite numbers");
}

llvm::APFloat sterna::roundTo(const llvm::fltSemantics &semantics,
                              float value) {
  llvm::APFloat rounded(value);
  bool lost;
  rounded.convert(semantics, llvm::RoundingMode::NearestTiesToEven, &lost);
  return rounded;
}

namespace {

/// Fails if one of the `type`s in `words` is an infinity or NaN; `before` of
/// them, in rows of `columns`, came before.
Error checkWords(tern::FileSourceAttr source, FloatType type,
                 ArrayRef<uint16_t> words, uint64_t before, int64_t columns) {
  uint16_t exponent = type.isF16() ? 0x7c00 : 0x7f80;
  auto isBad = [&](uint16_t word) { return (word & exponent) == exponent; };
  unsigned bad = 0; // without a branch, so that the loop is vectorised
  for (uint16_t word : words)
    bad |= isBad(word);
  if (!bad)
    return Error::success();
  const uint16_t *word = llvm::find_if(words, isBad);
  llvm::APFloat value(type.getFloatSemantics(), llvm::APInt(16, *word));
  int64_t row = (before + (word - words.begin())) / columns;
  return checkFinite(source, row, value.convertToFloat());
}

/// A 16-bit type is that of the source: its bytes are copied as they are.
Error copyBytes(tern::FileSourceAttr source, RankedTensorType type,
                llvm::raw_ostream &out) {
  auto file = llvm::sys::fs::openNativeFileForRead(source.getPath());
  if (!file)
    return file.takeError();
  llvm::scope_exit close([&] { (void)llvm::sys::fs::closeFile(*file); });
  uint64_t count = type.getNumElements(), done = 0;
  std::vector<uint16_t> buffer(1 << 17);
  while (done < count) {
    llvm::MutableArrayRef<uint16_t> words =
        llvm::MutableArrayRef(buffer).take_front(count - done);
    llvm::MutableArrayRef<char> bytes(reinterpret_cast<char *>(words.data()),
                                      words.size() * 2);
    auto read = llvm::sys::fs::readNativeFileSlice(
        *file, bytes, source.getOffset() + 2 * done);
    if (!read)
      return read.takeError();
    if (*read < 2)
      return llvm::createStringError(source.getPath() +
                                     ": ends within a tensor");
    words = words.take_front(*read / 2);
    if (Error error = checkWords(source, cast<FloatType>(type.getElementType()),
                                 words, done, type.getShape().back()))
      return error;
    writeElements(out, ArrayRef<uint16_t>(words));
    done += words.size();
  }
  return Error::success();
}

/// The scale of a row's bytes (#tern.row_scales).
Expected<float> rowScale(tern::FileSourceAttr source, int64_t row,
                         ArrayRef<float> values) {
  if (Error error = checkFinite(source, row, values))
    return std::move(error);
  float largest = 0;
  for (float value : values)
    largest = std::max(largest, std::fabs(value));
  return largest / 127;
}

Error packBytes(tern::FileSourceAttr source, const WeightSource &weight,
                llvm::raw_ostream &out) {
  std::vector<int8_t> bytes(weight.getNumCols());
  return visitRows(weight, [&](int64_t row, ArrayRef<float> values) -> Error {
    Expected<float> scale = rowScale(source, row, values);
    if (!scale)
      return scale.takeError();
    for (auto [byte, value] : llvm::zip_equal(bytes, values)) {
      float rounded = *scale > 0 ? std::nearbyint(value / *scale) : 0;
      byte = int8_t(std::min(std::max(rounded, -127.0f), 127.0f));
    }
    writeElements(out, ArrayRef(bytes));
    return Error::success();
  });
}

Error packHalves(tern::FileSourceAttr source, const WeightSource &weight,
                 FloatType type, llvm::raw_ostream &out) {
  std::vector<uint16_t> halves(weight.getNumCols());
  return visitRows(weight, [&](int64_t row, ArrayRef<float> values) -> Error {
    if (Error error = checkFinite(source, row, values))
      return error;
    for (auto [half, value] : llvm::zip_equal(halves, values)) {
      llvm::APFloat rounded = roundTo(type.getFloatSemantics(), value);
      if (!rounded.isFinite())
        return refuseValue(source, row, value,
                           type.isF16()
                               ? ", which f16 cannot hold; keep its type "
                                 "with --head-type=model"
                               : ", which bf16 cannot hold");
      half = uint16_t(rounded.bitcastToAPInt().getZExtValue());
    }
    writeElements(out, ArrayRef(halves));
    return Error::success();
  });
}

/// Whether the source stores elements of type `type`.
bool isStoredAs(tern::FileSourceAttr source, Type type) {
  return (type.isF16() && source.getStorage() == tern::StorageType::F16) ||
         (type.isBF16() && source.getStorage() == tern::StorageType::BF16);
}

} // namespace

Error sterna::packFloats(tern::FileSourceAttr source, RankedTensorType type,
                         llvm::raw_ostream &out) {
  Type element = type.getElementType();
  if (isStoredAs(source, element))
    return copyBytes(source, type, out);
  int64_t columns = type.getShape().back();
  auto weight = openWeight(source, type.getNumElements() / columns, columns);
  if (!weight)
    return weight.takeError();
  if (element.isInteger(8))
    return packBytes(source, *weight, out);
  if (element.isF16() || element.isBF16())
    return packHalves(source, *weight, cast<FloatType>(element), out);
  if (!element.isF32())
    return llvm::createStringError(llvm::formatv(
        "expected a table of f32, f16, bf16 or i8, but got {0}", element));
  return visitRows(*weight, [&](int64_t row, ArrayRef<float> values) -> Error {
    if (Error error = checkFinite(source, row, values))
      return error;
    writeElements(out, values);
    return Error::success();
  });
}

Error sterna::packRowScales(tern::RowScalesAttr scales, int64_t rows,
                            llvm::raw_ostream &out) {
  tern::FileSourceAttr source = scales.getOf();
  auto weight = openWeight(source, rows, scales.getColumns());
  if (!weight)
    return weight.takeError();
  std::vector<float> values;
  if (Error error =
          visitRows(*weight, [&](int64_t row, ArrayRef<float> elements) {
            Expected<float> scale = rowScale(source, row, elements);
            if (scale)
              values.push_back(*scale);
            return scale.takeError();
          }))
    return error;
  writeElements(out, ArrayRef(values));
  return Error::success();
}
