//===- PackFloats.cpp - Tables of floats and of bytes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See PackFloats.h.
//
//===----------------------------------------------------------------------===//

#include "PackFloats.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// Rows that are read at a time.
constexpr int64_t rowsAtATime = 16;

/// A 16-bit type is that of the source: its bytes are copied as they are.
Error copyBytes(tern::FileSourceAttr source, RankedTensorType type,
                llvm::raw_ostream &out) {
  auto file = llvm::sys::fs::openNativeFileForRead(source.getPath());
  if (!file)
    return file.takeError();
  llvm::scope_exit close([&] { llvm::sys::fs::closeFile(*file); });
  uint64_t left = type.getNumElements() * 2, position = source.getOffset();
  std::vector<char> buffer(1 << 18);
  while (left) {
    auto read = llvm::sys::fs::readNativeFileSlice(
        *file, llvm::MutableArrayRef(buffer).take_front(left), position);
    if (!read)
      return read.takeError();
    if (*read == 0)
      return llvm::createStringError(source.getPath() +
                                     ": ends within a tensor");
    out.write(buffer.data(), *read);
    left -= *read;
    position += *read;
  }
  return Error::success();
}

/// Calls `visit(row, values)` for each row in order, until it fails.
Error visitRows(const WeightSource &weight,
                llvm::function_ref<Error(int64_t, ArrayRef<float>)> visit) {
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

Error beyondRange(tern::FileSourceAttr source, int64_t row, float value,
                  llvm::StringRef type) {
  return llvm::createStringError(
      llvm::formatv("{0}: row {1} of the matrix at byte {2} holds {3}, which "
                    "{4} cannot hold; "
                    "keep its type with --head-type=model",
                    source.getPath(), row, source.getOffset(), value, type));
}

/// The scale of a row's bytes (#tern.row_scales).
Expected<float> rowScale(tern::FileSourceAttr source, int64_t row,
                         ArrayRef<float> values) {
  float largest = 0;
  for (float value : values) {
    if (!std::isfinite(value))
      return beyondRange(source, row, value, "int8");
    largest = std::max(largest, std::fabs(value));
  }
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
    for (auto [half, value] : llvm::zip_equal(halves, values)) {
      llvm::APFloat rounded(value);
      bool lost;
      rounded.convert(type.getFloatSemantics(),
                      llvm::RoundingMode::NearestTiesToEven, &lost);
      if (!rounded.isFinite())
        return beyondRange(source, row, value, type.isF16() ? "f16" : "bf16");
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

WeightType sterna::weightType(tern::StorageType storage) {
  switch (storage) {
  case tern::StorageType::F32:
    return WeightType::F32;
  case tern::StorageType::F16:
    return WeightType::F16;
  case tern::StorageType::BF16:
    return WeightType::BF16;
  case tern::StorageType::Q8_0:
    return WeightType::Q8_0;
  case tern::StorageType::TQ1_0:
    return WeightType::TQ1_0;
  case tern::StorageType::TQ2_0:
    return WeightType::TQ2_0;
  }
  llvm_unreachable("unknown storage type");
}

Expected<WeightSource> sterna::openWeight(tern::FileSourceAttr source,
                                          int64_t rows, int64_t columns) {
  return WeightSource::open(source.getPath(), source.getOffset(),
                            weightType(source.getStorage()), rows, columns);
}

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
  if (!element.isF32())
    return packHalves(source, *weight, cast<FloatType>(element), out);
  return visitRows(*weight, [&](int64_t, ArrayRef<float> values) {
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
