//===- PackWeights.cpp - Weights from their source to their layout --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams one parameter a few rows at a time: memory stays in proportion to a
// panel, not to the model.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/DeviceBinary/TritPanels.h"
#include "sterna/Weights/PackFloats.h"
#include "sterna/Weights/TernaryReader.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "sterna/Support/PackedIntegers.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;

/// Panels of a matrix that are packed at a time.
static constexpr int64_t panelsAtATime = 32;

static Error packTernary(tern::FileSourceAttr source, RankedTensorType type,
                         llvm::raw_ostream &out, LinkReport &report) {
  auto layout = cast<tern::PanelAttr>(type.getEncoding());
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  auto reader = TritReader::open(source, rows, columns);
  if (!reader)
    return reader.takeError();
  int64_t panel = layout.getRows();
  int64_t stride = llvm::alignTo(columns, layout.getColumns());
  // Several panels at a time: of a matrix that is stored by columns each column
  // is read so often.
  int64_t rowsAtATime = panel * panelsAtATime;
  std::vector<int8_t> trits(rowsAtATime * stride);
  std::vector<uint8_t> packed(layout.getPackedBytes(panel, stride));
  for (int64_t first = 0; first < rows; first += rowsAtATime) {
    int64_t count = std::min(rowsAtATime, rows - first);
    if (count < rowsAtATime || stride != columns)
      std::fill(trits.begin(), trits.end(), 0);
    if (Error error = reader->read(first, count, trits.data(), stride))
      return error;
    for (int64_t row = 0; row < count; row += panel) {
      encodePanel(ArrayRef(trits).slice(row * stride, panel * stride), stride,
                  layout, packed);
      writeElements(out, ArrayRef<uint8_t>(packed));
    }
  }
  report.packedBytes += layout.getPackedBytes(rows, columns);
  return Error::success();
}

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
  auto reader = TernaryScaleReader::open(scales, rows);
  if (!reader)
    return reader.takeError();
  std::vector<float> values(groups);
  for (int64_t row = 0; row < rows; ++row) {
    if (Error error = reader->read(row, values))
      return error;
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

/// Bytes of an element as it lies in memory.
static uint64_t elementBytes(RankedTensorType type) {
  return llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

static Error packDense(DenseElementsAttr dense, RankedTensorType type,
                       llvm::raw_ostream &out) {
  if (dense.getElementType() != type.getElementType())
    return llvm::createStringError(
        llvm::formatv("expected elements of {0}, but got {1}",
                      type.getElementType(), dense.getElementType()));
  if (type.getElementType().isInteger(1)) {
    for (bool value : dense.getValues<bool>())
      out << char(value);
    return Error::success();
  }
  ArrayRef<char> raw = dense.getRawData();
  int64_t repeats = dense.isSplat() ? dense.getNumElements() : 1;
  for (int64_t i = 0; i < repeats; ++i)
    out.write(raw.data(), raw.size());
  return Error::success();
}

static Error packElements(tern::ElementsSourceAttr source,
                          RankedTensorType type, llvm::raw_ostream &out,
                          LinkReport &report) {
  unsigned bits = source.getBits();
  if (bits && !type.getElementType().isInteger(8))
    return llvm::createStringError(llvm::formatv(
        "expected i8 for integers of {0} bits, but got {1}", bits, type));
  uint64_t count = type.getNumElements();
  uint64_t size =
      bits ? getPackedBytes(count, bits) : count * elementBytes(type);
  auto buffer = llvm::MemoryBuffer::getFileSlice(source.getPath(), size,
                                                 source.getOffset());
  if (!buffer)
    return llvm::createStringError(source.getPath() + ": " +
                                   buffer.getError().message());
  if ((*buffer)->getBufferSize() != size)
    return llvm::createStringError(source.getPath() + ": expected " +
                                   Twine(size) + " bytes at " +
                                   Twine(source.getOffset()));
  report.sourceBytes += size;
  report.packedBytes += count * elementBytes(type);
  StringRef bytes = (*buffer)->getBuffer();
  if (bits) {
    out << unpackIntegers(bytes, bits, source.getIsUnsigned(), count);
    return Error::success();
  }
  if (type.getElementType().isInteger(1)) {
    for (char byte : bytes)
      out << char(byte != 0);
    return Error::success();
  }
  out << bytes;
  return Error::success();
}

static Error packBlockPart(tern::BlocksAttr blocks, RankedTensorType type,
                           llvm::raw_ostream &out, LinkReport &report) {
  bool isCodes = blocks.getPart() == tern::BlockPart::Codes;
  int64_t columns = blocks.getColumns() / tern::blockColumns *
                    (isCodes ? tern::getBlockBytes(blocks.getBits()) : 1);
  Type element = type.getElementType();
  if (type.getRank() != 2 || type.getDimSize(1) != columns ||
      (isCodes ? !element.isInteger(8) : !element.isF16()))
    return llvm::createStringError(
        llvm::formatv("expected {0} columns of {1}, but got {2}", columns,
                      isCodes ? "i8" : "f16", type));
  report.packedBytes += type.getNumElements() * elementBytes(type);
  // Of the three parts one counts for the matrix.
  if (isCodes)
    report.sourceBytes +=
        getStorageFormat(blocks.getOf().getStorage())
            .getMatrixBytes(type.getDimSize(0), blocks.getColumns())
            .value_or(0);
  return sterna::packBlocks(blocks, type.getDimSize(0), out);
}

/// Writes the elements of a parameter of type `type` from `source`.
static Error packSource(Attribute source, RankedTensorType type,
                        llvm::raw_ostream &out, LinkReport &report) {
  if (auto dense = dyn_cast<DenseElementsAttr>(source))
    return packDense(dense, type, out);
  if (auto elements = dyn_cast<tern::ElementsSourceAttr>(source))
    return packElements(elements, type, out, report);
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
  if (auto blocks = dyn_cast<tern::BlocksAttr>(source))
    return packBlockPart(blocks, type, out, report);
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
