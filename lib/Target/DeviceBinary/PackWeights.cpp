//===- PackWeights.cpp - Weights from their source to their layout --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams one parameter a few rows at a time: memory stays in proportion to a
// panel, not to the model.
//
//===----------------------------------------------------------------------===//

#include "PackFloats.h"

#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/DeviceBinary/TritPanels.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// Fails unless `rows` rows can come in the order that `source` says.
Error checkOrder(tern::FileSourceAttr source, int64_t rows) {
  int64_t heads = source.getInterleavedHeads();
  if (heads == 0 || (heads > 0 && rows % heads == 0 && rows / heads % 2 == 0))
    return Error::success();
  return llvm::createStringError(llvm::formatv(
      "expected {0} rows to be {1} heads of an even size", rows, heads));
}

/// The row of the file of `rows` that is `row` of the parameter.
int64_t sourceRow(tern::FileSourceAttr source, int64_t row, int64_t rows) {
  int64_t heads = source.getInterleavedHeads();
  return heads ? tern::interleavedRow(row, rows / heads) : row;
}

/// Reads rows of a ternary parameter in the order of the layout.
class TritReader {
public:
  static Expected<TritReader> open(tern::FileSourceAttr source, int64_t rows,
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

  /// Reads rows [first, first + count), each into `stride` bytes of `out`.
  Error read(int64_t first, int64_t count, int8_t *out, int64_t stride) {
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

private:
  TritReader(tern::FileSourceAttr source, WeightSource weight)
      : source(source), weight(std::move(weight)) {}

  Error decode(int64_t first, int64_t count, int8_t *out) {
    if (source.getQuantize())
      return weight.quantizeAbsmean(first, count, multiplier, out);
    return weight.decodeTrits(first, count, out);
  }

  tern::FileSourceAttr source;
  WeightSource weight;
  float multiplier = 0;
};

} // namespace

static Error packTernary(tern::FileSourceAttr source, RankedTensorType type,
                         llvm::raw_ostream &out, LinkReport &report) {
  auto layout = cast<tern::PanelAttr>(type.getEncoding());
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  auto reader = TritReader::open(source, rows, columns);
  if (!reader)
    return reader.takeError();
  int64_t panel = layout.getRows();
  int64_t stride = llvm::alignTo(columns, layout.getColumns());
  std::vector<int8_t> trits(panel * stride);
  std::vector<uint8_t> packed(layout.getPackedBytes(panel, stride));
  for (int64_t row = 0; row < rows; row += panel) {
    int64_t count = std::min(panel, rows - row);
    if (count < panel || stride != columns)
      std::fill(trits.begin(), trits.end(), 0);
    if (Error error = reader->read(row, count, trits.data(), stride))
      return error;
    encodePanel(trits, stride, layout, packed);
    writeElements(out, ArrayRef<uint8_t>(packed));
  }
  report.packedBytes += layout.getPackedBytes(rows, columns);
  return Error::success();
}

namespace {

/// Reads what the scales of a ternary matrix are multiplied by.
class FactorReader {
public:
  /// For a matrix of `rows` rows of `groups` groups.
  static Expected<FactorReader> open(tern::TernaryScalesAttr scales,
                                     int64_t rows, int64_t groups) {
    FactorReader reader;
    if (!scales.getFactors())
      return std::move(reader);
    int64_t count = scales.getNumFactors();
    bool isMatrix = count != 1 && count != rows;
    auto source = isMatrix ? openWeight(scales.getFactors(), rows, groups)
                           : openWeight(scales.getFactors(), 1, count);
    if (!source)
      return source.takeError();
    if (isMatrix) {
      reader.matrix = std::move(*source);
      return std::move(reader);
    }
    reader.factors.resize(count);
    if (Error error = source->decodeRows(0, 1, reader.factors.data()))
      return std::move(error);
    return std::move(reader);
  }

  /// Reads one factor for each of `out`, the groups of row `row` of the file.
  Error read(int64_t row, llvm::MutableArrayRef<float> out) {
    if (matrix)
      return matrix->decodeRows(row, 1, out.data());
    llvm::fill(out, factors[factors.size() == 1 ? 0 : row]);
    return Error::success();
  }

private:
  std::vector<float> factors{1};      // one, or one for each row
  std::optional<WeightSource> matrix; // or one for each row and group
};

} // namespace

static Error packTernaryScales(tern::TernaryScalesAttr scales,
                               RankedTensorType type, llvm::raw_ostream &out) {
  int64_t columns = scales.getColumns();
  int64_t groups = llvm::divideCeil(columns, scales.getGroup());
  bool perRow = scales.getGroup() == columns;
  if (!type.getElementType().isF32() || type.getRank() != (perRow ? 1 : 2) ||
      (!perRow && type.getDimSize(1) != groups))
    return llvm::createStringError(llvm::formatv(
        "expected scales of f32, {0} in each row, but got {1}", groups, type));
  int64_t rows = type.getDimSize(0);
  auto weight = openWeight(scales.getOf(), rows, columns);
  if (!weight)
    return weight.takeError();
  if (Error error = checkOrder(scales.getOf(), rows))
    return error;
  auto reader = FactorReader::open(scales, rows, groups);
  if (!reader)
    return reader.takeError();
  bool quantize = scales.getOf().getQuantize();
  float quantized = 0;
  if (quantize) {
    auto multiplier = weight->computeAbsmeanMultiplier();
    if (!multiplier)
      return multiplier.takeError();
    quantized = 1 / *multiplier;
  }
  std::vector<float> values(groups), factors(groups);
  for (int64_t i = 0; i < rows; ++i) {
    int64_t row = sourceRow(scales.getOf(), i, rows);
    if (quantize)
      std::fill(values.begin(), values.end(), quantized);
    else if (Error error =
                 weight->decodeScales(row, 1, scales.getGroup(), values.data()))
      return error;
    if (Error error = reader->read(row, factors))
      return error;
    for (auto [value, factor] : llvm::zip_equal(values, factors)) {
      value *= factor;
      if (!std::isfinite(value))
        return llvm::createStringError(llvm::formatv(
            "expected scales within the range of f32, but one of row {0} is "
            "{1}",
            row, formatNumber(value)));
    }
    writeElements(out, ArrayRef<float>(values));
  }
  return Error::success();
}

/// Rotary table in f64, rounded once.
static void writeRopeTable(tern::RopeTableSourceAttr source,
                           RankedTensorType type, llvm::raw_ostream &out) {
  auto values = source.getFrequencies().getValues<double>();
  std::vector<double> frequencies(values.begin(), values.end());
  double amplitude =
      source.getAmplitude() ? source.getAmplitude().getValueAsDouble() : 1;
  std::vector<float> row(frequencies.size());
  for (int64_t position = 0; position < type.getDimSize(0); ++position) {
    for (auto [element, frequency] : llvm::zip_equal(row, frequencies)) {
      double angle = double(position) * frequency;
      element =
          amplitude * (source.getSine() ? std::sin(angle) : std::cos(angle));
    }
    writeElements(out, ArrayRef<float>(row));
  }
}

/// Writes the elements of a parameter of type `type` from `source`.
static Error packSource(Attribute source, RankedTensorType type,
                        llvm::raw_ostream &out, LinkReport &report) {
  if (auto dense = dyn_cast<DenseElementsAttr>(source)) {
    if (!dense.getElementType().isF32())
      return llvm::createStringError(llvm::formatv(
          "expected elements of f32, but got {0}", dense.getElementType()));
    std::vector<float> values(dense.getValues<float>().begin(),
                              dense.getValues<float>().end());
    writeElements(out, ArrayRef<float>(values));
    return Error::success();
  }
  if (auto table = dyn_cast<tern::RopeTableSourceAttr>(source)) {
    int64_t frequencies = table.getFrequencies().getNumElements();
    if (type.getRank() != 2 || !type.getElementType().isF32() ||
        type.getDimSize(1) != frequencies)
      return llvm::createStringError(llvm::formatv(
          "expected a table of f32 with a column for each of {0} frequencies, "
          "but got {1}",
          frequencies, type));
    writeRopeTable(table, type, out);
    return Error::success();
  }
  if (type.getRank() == 0)
    return llvm::createStringError("expected rows, but got a scalar");
  if (auto scales = dyn_cast<tern::RowScalesAttr>(source))
    return packRowScales(scales, type.getDimSize(0), out);
  if (auto scales = dyn_cast<tern::TernaryScalesAttr>(source))
    return packTernaryScales(scales, type, out);
  auto file = dyn_cast<tern::FileSourceAttr>(source);
  if (!file)
    return llvm::createStringError(llvm::formatv(
        "expected a source that can be packed, but got {0}", source));
  int64_t columns = type.getShape().back();
  int64_t rows = type.getNumElements() / columns;
  const StorageFormat &format = getStorageFormat(file.getStorage());
  if (format.isWhole(rows, columns))
    report.sourceBytes += format.getMatrixBytes(rows, columns).value_or(0);
  if (isa<tern::TritType>(type.getElementType()))
    return packTernary(file, type, out, report);
  report.packedBytes +=
      type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return packFloats(file, type, out);
}

Error sterna::packParameter(Operation *op, llvm::raw_ostream &out,
                            LinkReport &report) {
  auto param = cast<tern::ParamOp>(op);
  auto type = cast<RankedTensorType>(param.getType());
  if (Error error = packSource(param.getSource(), type, out, report))
    return llvm::createStringError(param.getSymName() + ": " +
                                   llvm::toString(std::move(error)));
  return Error::success();
}
