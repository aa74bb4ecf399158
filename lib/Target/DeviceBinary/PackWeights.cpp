//===- PackWeights.cpp - Weights from their source to their layout --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams one parameter a few rows at a time: memory stays in proportion to a
// panel, not to the model. The encoder of #tern.panel is here and nowhere else.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/WeightSource.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

static WeightType weightType(tern::StorageType storage) {
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

template <typename T>
static void write(llvm::raw_ostream &out, ArrayRef<T> values) {
  out.write(reinterpret_cast<const char *>(values.data()),
            values.size() * sizeof(T));
}

/// Packs the trits of one panel, rows padded with zeros to whole blocks. Four
/// columns are handled at a time, as the bytes of a word.
static void encodePanel(const std::vector<int8_t> &trits, int64_t stride,
                        tern::PanelAttr layout, std::vector<uint8_t> &out) {
  int64_t rows = layout.getRows(), columns = layout.getColumns();
  int64_t words = columns / 4;
  uint8_t *to = out.data();
  for (int64_t column = 0; column < stride; column += columns)
    for (int64_t row = 0; row < rows; ++row, to += 4) {
      const int8_t *from = &trits[row * stride + column];
      uint32_t packed = 0;
      for (int64_t j = 0; j < words; ++j) {
        uint32_t word;
        std::memcpy(&word, from + 4 * j, 4);
        // No carry between bytes: -1 is 255, and codes are 0 to 2.
        uint32_t low = (word & 0x7f7f7f7f) + 0x01010101;
        packed |= ((low ^ (word & 0x80808080)) & 0x03030303) << (2 * j);
      }
      std::memcpy(to, &packed, 4);
    }
}

namespace {

/// Reads rows of a ternary parameter in the order of the layout.
class TritReader {
public:
  static Expected<TritReader> open(tern::FileSourceAttr source, int64_t rows,
                                   int64_t columns) {
    auto weight =
        WeightSource::open(source.getPath(), source.getOffset(),
                           weightType(source.getStorage()), rows, columns);
    if (!weight)
      return weight.takeError();
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
    int64_t heads = source.getInterleavedHeads();
    for (int64_t i = 0; i < count; ++i) {
      int64_t row = first + i;
      if (heads)
        row = tern::interleavedRow(row, weight.getNumRows() / heads);
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
  std::vector<uint8_t> packed(panel * stride / 4);
  for (int64_t row = 0; row < rows; row += panel) {
    int64_t count = std::min(panel, rows - row);
    if (count < panel || stride != columns)
      std::fill(trits.begin(), trits.end(), 0);
    if (Error error = reader->read(row, count, trits.data(), stride))
      return error;
    encodePanel(trits, stride, layout, packed);
    write(out, ArrayRef<uint8_t>(packed));
  }
  report.packedBytes += layout.getPackedBytes(rows, columns);
  return Error::success();
}

/// A 16-bit type is that of the source: its bytes are copied as they are.
static Error copyBytes(tern::FileSourceAttr source, RankedTensorType type,
                       llvm::raw_ostream &out) {
  auto file = llvm::sys::fs::openNativeFileForRead(source.getPath());
  if (!file)
    return file.takeError();
  auto close = llvm::make_scope_exit([&] { llvm::sys::fs::closeFile(*file); });
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

static Error packFloats(tern::FileSourceAttr source, RankedTensorType type,
                        llvm::raw_ostream &out, LinkReport &report) {
  int64_t columns = type.getShape().back();
  int64_t rows = type.getNumElements() / columns;
  report.packedBytes +=
      type.getNumElements() * type.getElementTypeBitWidth() / 8;
  if (!type.getElementType().isF32())
    return copyBytes(source, type, out);
  auto weight =
      WeightSource::open(source.getPath(), source.getOffset(),
                         weightType(source.getStorage()), rows, columns);
  if (!weight)
    return weight.takeError();
  std::vector<float> row(columns);
  for (int64_t i = 0; i < rows; ++i) {
    if (Error error = weight->decodeRows(i, 1, row.data()))
      return error;
    write(out, ArrayRef<float>(row));
  }
  return Error::success();
}

/// Rotary table in f64, rounded once.
static void writeRopeTable(tern::RopeTableSourceAttr source,
                           RankedTensorType type, llvm::raw_ostream &out) {
  int64_t half = type.getDimSize(1);
  double theta = source.getTheta().getValueAsDouble();
  double scaling = source.getScaling().getValueAsDouble();
  std::vector<float> row(half);
  for (int64_t position = 0; position < type.getDimSize(0); ++position) {
    for (int64_t i = 0; i < half; ++i) {
      double angle = position / scaling * std::pow(theta, -double(i) / half);
      row[i] = source.getSine() ? std::sin(angle) : std::cos(angle);
    }
    write(out, ArrayRef<float>(row));
  }
}

Error sterna::packParameter(Operation *op, llvm::raw_ostream &out,
                            LinkReport &report) {
  auto param = cast<tern::ParamOp>(op);
  auto type = cast<RankedTensorType>(param.getType());
  Attribute source = param.getSource();
  if (auto dense = dyn_cast<DenseElementsAttr>(source)) {
    std::vector<float> values(dense.getValues<float>().begin(),
                              dense.getValues<float>().end());
    write(out, ArrayRef<float>(values));
    return Error::success();
  }
  if (auto table = dyn_cast<tern::RopeTableSourceAttr>(source)) {
    writeRopeTable(table, type, out);
    return Error::success();
  }
  auto file = cast<tern::FileSourceAttr>(source);
  int64_t columns = type.getShape().back();
  WeightType stored = weightType(file.getStorage());
  report.sourceBytes += type.getNumElements() / columns *
                        llvm::divideCeil(columns, getWeightBlockSize(stored)) *
                        getWeightBlockBytes(stored);
  if (isa<tern::TritType>(type.getElementType()))
    return packTernary(file, type, out, report);
  return packFloats(file, type, out, report);
}
