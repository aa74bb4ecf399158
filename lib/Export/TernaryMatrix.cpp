//===- TernaryMatrix.cpp - A ternary parameter to be written --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TernaryMatrix.h.
//
//===----------------------------------------------------------------------===//

#include "TernaryMatrix.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

Expected<TernaryMatrix> TernaryMatrix::open(const Parameter &parameter,
                                            int64_t interleavedHeads) {
  int64_t rows = parameter.type.getDimSize(0);
  int64_t columns = parameter.type.getDimSize(1);
  auto reader = TritReader::open(cast<tern::FileSourceAttr>(parameter.source),
                                 rows, columns);
  if (!reader)
    return reader.takeError();
  TernaryMatrix matrix(std::move(*reader));
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.group = parameter.group.value_or(columns);
  matrix.headRows = interleavedHeads ? rows / interleavedHeads : 0;
  if (auto dense = dyn_cast<DenseElementsAttr>(parameter.scale)) {
    matrix.scale = dense.getSplatValue<float>();
    return std::move(matrix);
  }
  auto scales = TernaryScaleReader::open(
      cast<tern::TernaryScalesAttr>(parameter.scale), rows);
  if (!scales)
    return scales.takeError();
  matrix.scales = std::move(*scales);
  return std::move(matrix);
}

float TernaryMatrix::takeScale() {
  float taken = *scale;
  scale = 1;
  return taken;
}

int64_t TernaryMatrix::modelRow(int64_t row) const {
  return headRows ? tern::rotateHalfRow(row, headRows) : row;
}

Error TernaryMatrix::readTrits(int64_t first, int64_t count, int8_t *out) {
  if (!headRows)
    return trits.read(first, count, out, columns);
  for (int64_t i = 0; i < count; ++i)
    if (Error error =
            trits.read(modelRow(first + i), 1, out + i * columns, columns))
      return error;
  return Error::success();
}

Error TernaryMatrix::readScales(int64_t row, float *out) {
  llvm::MutableArrayRef<float> groups(out, llvm::divideCeil(columns, group));
  if (scales)
    return scales->read(modelRow(row), groups);
  llvm::fill(groups, *scale);
  return Error::success();
}
