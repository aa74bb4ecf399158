//===- ScaledBlocks.h - Blocks of integers with a scale ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What can be done with every format whose blocks hold small integers and one
// scale in half precision: a format says where they lie, and how the integers
// of a block are decoded.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_SCALEDBLOCKS_H
#define STERNA_LIB_WEIGHTS_SCALEDBLOCKS_H

#include "io/Half.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace sterna {

/// The scale of blocks that have none is 1.
constexpr int noScale = -1;

/// Integers of a block of `Size` weights in `Bytes` bytes, whose half at
/// `ScaleAt` is the scale.
template <int Size, int Bytes, int ScaleAt,
          void (*Decode)(const char *block, int8_t *out)>
struct ScaledBlock {
  static constexpr int size = Size, bytes = Bytes, scaleAt = ScaleAt;

  static void decode(const char *block, int8_t *out) { Decode(block, out); }

  /// The bits of the scale.
  static uint16_t readScale(const char *block) {
    uint16_t bits = 0x3c00; // 1
    if constexpr (ScaleAt != noScale)
      std::memcpy(&bits, block + ScaleAt, sizeof(bits));
    return bits;
  }
};

template <typename Block>
void decodeScaled(const char *bytes, int64_t count, float *out) {
  int8_t integers[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    float scale = halfToFloat(Block::readScale(bytes));
    Block::decode(bytes, integers);
    for (int i = 0; i < Block::size; ++i)
      out[begin + i] = static_cast<float>(integers[i]) * scale;
    bytes += Block::bytes;
  }
}

template <typename Block>
void decodeScaledSigns(const char *bytes, int64_t count, int8_t *out) {
  int8_t integers[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    uint16_t scale = Block::readScale(bytes);
    Block::decode(bytes, integers);
    int unit = (scale & 0x7fff) == 0 ? 0 : (scale & 0x8000) ? -1 : 1;
    // The mask makes all weights 0 if the scale is 0; a negative scale swaps
    // the two comparisons.
    int8_t mask = static_cast<int8_t>(-(unit != 0));
    int8_t flip = static_cast<int8_t>(-(unit < 0));
    for (int i = 0; i < Block::size; ++i) {
      int8_t sign = static_cast<int8_t>((integers[i] > 0) - (integers[i] < 0));
      // (x ^ -1) - -1 is -x in two's complement.
      out[begin + i] = static_cast<int8_t>(((sign ^ flip) - flip) & mask);
    }
    bytes += Block::bytes;
  }
}

/// A block of trits has one magnitude, that of its scale. The integer 2 is no
/// trit.
template <typename Block>
bool findBlockMagnitudes(const char *row, int64_t count, float *out) {
  int8_t digits[Block::size];
  bool areTrits = true;
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    uint16_t scale = Block::readScale(row);
    Block::decode(row, digits);
    uint8_t anyNonzero = 0, anyInvalid = 0;
    for (int8_t digit : digits) {
      anyNonzero |= digit != 0;
      anyInvalid |= digit == 2;
    }
    out[begin / Block::size] =
        anyNonzero ? std::fabs(halfToFloat(scale)) : 0.0F;
    areTrits &= !anyInvalid && (scale & 0x7fff) < 0x7c00;
    row += Block::bytes;
  }
  return areTrits;
}

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_SCALEDBLOCKS_H
