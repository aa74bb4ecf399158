//===- PackBlocks.cpp - Tables in blocks of 4 or 6 bits -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of #tern.blocks in the layout of tern.dequantize. Each part is
// made of the source anew: a table is large, and a pass over it cheap.
//
//===----------------------------------------------------------------------===//

#include "FloatRows.h"
#include "io/Half.h"
#include "sterna/Weights/PackFloats.h"

#include "llvm/ADT/STLExtras.h"

#include <array>
#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;

namespace {

using Codes = std::array<uint8_t, tern::blockColumns>;

/// A block's factors, as bits of f16.
struct Factors {
  uint16_t scale = 0, minimum = 0;
};

/// The bits of `value` in f16; none where that cannot hold it.
std::optional<uint16_t> roundToHalf(float value) {
  llvm::APFloat half = roundTo(llvm::APFloat::IEEEhalf(), value);
  if (!half.isFinite())
    return std::nullopt;
  return uint16_t(half.bitcastToAPInt().getZExtValue());
}

/// The factors of 32 finite elements; none where f16 cannot hold them.
std::optional<Factors> findFactors(ArrayRef<float> values, unsigned bits) {
  float least = values[0], most = values[0];
  for (float value : values) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  auto minimum = roundToHalf(bits == 4 ? least : 0);
  if (!minimum)
    return std::nullopt;
  auto scale = roundToHalf(bits == 4 ? (most - halfToFloat(*minimum)) / 15
                                     : std::max(-least, most) / 31);
  if (!scale)
    return std::nullopt;
  return Factors{*scale, *minimum};
}

/// To the nearest integer, ties to even, of a number below 2^22: without a
/// call, so that loops become vector code.
float roundToInteger(float value) {
  constexpr float magic = 0x1.8p23F;
  return (value + magic) - magic;
}

Codes encode(ArrayRef<float> values, Factors factors, unsigned bits) {
  float scale = halfToFloat(factors.scale);
  float minimum = halfToFloat(factors.minimum);
  float least = bits == 4 ? 0 : -31, most = bits == 4 ? 15 : 31;
  int offset = bits == 4 ? 0 : 32;
  Codes codes;
  for (int64_t i = 0; i < tern::blockColumns; ++i) {
    float code = scale != 0 ? (values[i] - minimum) / scale : 0;
    code = roundToInteger(std::min(std::max(code, least), most));
    codes[i] = uint8_t(int(code) + offset);
  }
  return codes;
}

/// Writes the codes as tern.dequantize has them.
void writeCodes(const Codes &codes, unsigned bits, uint8_t *out) {
  for (unsigned j = 0; j < 16; ++j)
    out[j] = uint8_t((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  if (bits == 4)
    return;
  for (unsigned j = 0; j < 8; ++j)
    out[16 + j] = uint8_t(codes[j] >> 4 | codes[j + 8] >> 4 << 2 |
                          codes[j + 16] >> 4 << 4 | codes[j + 24] >> 4 << 6);
}

/// The element of the largest magnitude.
float findLargest(ArrayRef<float> values) {
  return *llvm::max_element(
      values, [](float x, float y) { return std::fabs(x) < std::fabs(y); });
}

} // namespace

Error sterna::packBlocks(tern::BlocksAttr blocks, int64_t rows,
                         llvm::raw_ostream &out) {
  tern::FileSourceAttr source = blocks.getOf();
  auto weight = openWeight(source, rows, blocks.getColumns());
  if (!weight)
    return weight.takeError();
  unsigned bits = blocks.getBits();
  int64_t blockBytes = tern::getBlockBytes(bits);
  int64_t numBlocks = blocks.getColumns() / tern::blockColumns;
  std::vector<uint8_t> codes(numBlocks * blockBytes);
  std::vector<uint16_t> halves(numBlocks);
  bool isCodes = blocks.getPart() == tern::BlockPart::Codes;
  bool isScales = blocks.getPart() == tern::BlockPart::Scales;
  return visitRows(*weight, [&](int64_t row, ArrayRef<float> values) -> Error {
    if (Error error = checkFinite(source, row, values))
      return error;
    for (int64_t number = 0; number < numBlocks; ++number) {
      ArrayRef<float> block =
          values.slice(number * tern::blockColumns, tern::blockColumns);
      std::optional<Factors> factors = findFactors(block, bits);
      if (!factors)
        return refuseValue(source, row, findLargest(block),
                           ", of whose block f16 cannot hold the factors; keep "
                           "the table's type with --head-type=model");
      if (isCodes)
        writeCodes(encode(block, *factors, bits), bits,
                   codes.data() + number * blockBytes);
      halves[number] = isScales ? factors->scale : factors->minimum;
    }
    if (isCodes)
      writeElements(out, ArrayRef<uint8_t>(codes));
    else
      writeElements(out, ArrayRef<uint16_t>(halves));
    return Error::success();
  });
}
