//===- TritPanels.cpp - Packing of ternary panels -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TritPanels.h, and #tern.panel for the layout.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/DeviceBinary/TritPanels.h"

#include "llvm/Support/MathExtras.h"

#include <array>
#include <cstring>

using namespace mlir;
using namespace sterna;

/// Values of five digits in base 3.
static constexpr int numBase3 = 243;

/// The byte that stands for each value.
static constexpr std::array<uint8_t, numBase3> makeBase3Bytes() {
  std::array<uint8_t, numBase3> bytes{};
  for (int value = 0; value < numBase3; ++value)
    bytes[value] = uint8_t((value * 256 + numBase3 - 1) / numBase3 - 128);
  return bytes;
}

static constexpr std::array<uint8_t, numBase3> base3Bytes = makeBase3Bytes();

/// Four columns are handled at a time, as the bytes of a word.
static uint32_t encodeTwoBits(const int8_t *trits) {
  uint32_t packed = 0;
  for (int64_t j = 0; j < 4; ++j) {
    uint32_t word;
    std::memcpy(&word, trits + 4 * j, 4);
    // No carry between bytes: -1 is 255, and codes are 0 to 2.
    uint32_t low = (word & 0x7f7f7f7f) + 0x01010101;
    packed |= ((low ^ (word & 0x80808080)) & 0x03030303) << (2 * j);
  }
  return packed;
}

static uint32_t encodeBase3(const int8_t *trits) {
  uint32_t packed = 0;
  for (int64_t c = 0; c < 4; ++c) {
    int value = 0;
    for (int64_t j = 0; j < 5; ++j)
      value = 3 * value + trits[4 * j + c] + 1;
    packed |= uint32_t(base3Bytes[value]) << (8 * c);
  }
  return packed;
}

void sterna::encodePanel(ArrayRef<int8_t> trits, int64_t stride,
                         tern::PanelAttr layout, MutableArrayRef<uint8_t> out) {
  uint8_t *to = out.data();
  for (int64_t column = 0; column < stride; column += layout.getColumns())
    for (int64_t row = 0; row < layout.getRows(); ++row, to += 4) {
      const int8_t *from = &trits[row * stride + column];
      uint32_t packed =
          layout.isBase3() ? encodeBase3(from) : encodeTwoBits(from);
      std::memcpy(to, &packed, 4);
    }
}

/// Trit `j` of a byte.
static int decodeTrit(uint8_t byte, int64_t j, bool base3) {
  if (!base3)
    return (byte >> (2 * j) & 3) - 1;
  for (; j > 0; --j)
    byte *= 3;
  return (int8_t(byte) >= 43) - (int8_t(byte) <= -43);
}

void sterna::decodePanels(ArrayRef<char> packed, tern::PanelAttr layout,
                          int64_t rows, int64_t columns, char *trits) {
  int64_t blocks = llvm::divideCeil(columns, layout.getColumns());
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k) {
      int64_t block = n / layout.getRows() * blocks + k / layout.getColumns();
      int64_t byte =
          block * layout.getBlockBytes() + 4 * (n % layout.getRows()) + k % 4;
      trits[n * columns + k] = char(decodeTrit(
          packed[byte], k % layout.getColumns() / 4, layout.isBase3()));
    }
}
