//===- FloatBlocks.h - Blocks of quantized floats ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats of 4 to 8 bits in which embeddings and heads are published. Products
// and differences are rounded one by one, in the order of the formats' own
// decoders: each is a statement, because within one a compiler may fuse them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_FLOATBLOCKS_H
#define STERNA_LIB_WEIGHTS_FLOATBLOCKS_H

#include "FloatWords.h"
#include "ScaledBlocks.h"

namespace sterna {

//===----------------------------------------------------------------------===//
// Any block that decodes to floats
//===----------------------------------------------------------------------===//

/// Floats of a block of `Size` weights in `Bytes` bytes.
template <int Size, int Bytes, void (*Decode)(const char *block, float *out)>
struct FloatBlock {
  static_assert(Size % floatUnit == 0, "a block is whole units");
  static constexpr int size = Size, bytes = Bytes;

  static void decode(const char *block, float *out) { Decode(block, out); }
};

template <typename Block>
void decodeFloatBlocks(const char *bytes, int64_t count, float *out) {
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    Block::decode(bytes, out + begin);
    bytes += Block::bytes;
  }
}

template <typename Block>
void decodeFloatBlockSigns(const char *bytes, int64_t count, int8_t *out) {
  float weights[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    Block::decode(bytes, weights);
    decodeFloatSigns<uint32_t>(reinterpret_cast<const char *>(weights),
                               Block::size, out + begin);
    bytes += Block::bytes;
  }
}

template <typename Block>
bool findFloatBlockMagnitudes(const char *row, int64_t count, float *out) {
  float weights[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    Block::decode(row, weights);
    if (!findSingleMagnitudes(reinterpret_cast<const char *>(weights),
                              Block::size, out + begin / floatUnit))
      return false;
    row += Block::bytes;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Integers and one scale
//===----------------------------------------------------------------------===//

inline void decodeQ8Integers(const char *block, int8_t *out) {
  std::memcpy(out, block + 2, 32);
}

inline void decodeQ4Integers(const char *block, int8_t *out) {
  uint8_t bytes[16];
  std::memcpy(bytes, block + 2, sizeof(bytes));
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<int8_t>((bytes[i] & 15) - 8);
    out[16 + i] = static_cast<int8_t>((bytes[i] >> 4) - 8);
  }
}

using Q8Block = ScaledBlock<32, 34, 0, decodeQ8Integers>;
using Q4Block = ScaledBlock<32, 18, 0, decodeQ4Integers>;

/// A block of integers as one of floats.
template <typename Block>
inline void decodeOneBlock(const char *block, float *out) {
  decodeScaled<Block>(block, Block::size, out);
}

template <typename Block>
using AsFloatBlock =
    FloatBlock<Block::size, Block::bytes, decodeOneBlock<Block>>;

//===----------------------------------------------------------------------===//
// Blocks of 256 with scales in two levels
//===----------------------------------------------------------------------===//

inline float readHalf(const char *bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return halfToFloat(bits);
}

/// Scale and offset of each 32 weights of a block of Q4_K or Q5_K.
struct SubBlockScales {
  float scales[8], offsets[8];
};

/// Reads the two halves and the eight pairs of six bits after them: four pairs
/// in the low bits of bytes 0..3 and 4..7, and four whose low halves share
/// bytes 8..11 and whose high bits are those that bytes 0..7 have left.
inline SubBlockScales readSubBlockScales(const char *block) {
  float scale = readHalf(block), offset = readHalf(block + 2);
  uint8_t bytes[12];
  std::memcpy(bytes, block + 4, sizeof(bytes));
  SubBlockScales result;
  for (int i = 0; i < 4; ++i) {
    result.scales[i] = scale * static_cast<float>(bytes[i] & 63);
    result.offsets[i] = offset * static_cast<float>(bytes[4 + i] & 63);
    int highScale = (bytes[8 + i] & 15) | (bytes[i] >> 6) << 4;
    int highOffset = bytes[8 + i] >> 4 | (bytes[4 + i] >> 6) << 4;
    result.scales[4 + i] = scale * static_cast<float>(highScale);
    result.offsets[4 + i] = offset * static_cast<float>(highOffset);
  }
  return result;
}

/// Writes 32 weights from the four bits at `shift` of 32 bytes; where `fifths`
/// is not null, its bit `fifth` is the one above.
inline void decodeSubBlock(const char *bytes, int shift, const char *fifths,
                           int fifth, float scale, float offset, float *out) {
  uint8_t low[32], high[32] = {};
  std::memcpy(low, bytes, sizeof(low));
  if (fifths)
    std::memcpy(high, fifths, sizeof(high));
  for (int i = 0; i < 32; ++i) {
    int integer = (low[i] >> shift & 15) | (high[i] >> fifth & 1) << 4;
    float product = scale * static_cast<float>(integer);
    out[i] = product - offset;
  }
}

/// Neighbouring sub-blocks share 32 bytes, the first in the low bits.
template <bool HasFifth> void decodeOffsetBlock(const char *block, float *out) {
  SubBlockScales scales = readSubBlockScales(block);
  const char *fifths = HasFifth ? block + 16 : nullptr;
  const char *nibbles = block + 16 + (HasFifth ? 32 : 0);
  for (int i = 0; i < 8; ++i)
    decodeSubBlock(nibbles + int64_t(32) * (i / 2), 4 * (i % 2), fifths, i,
                   scales.scales[i], scales.offsets[i], out + int64_t(32) * i);
}

/// Two halves of 128 weights in four runs: their low four bits in 64 bytes,
/// their high two in 32, and a signed scale for each 16. One scale for all
/// follows.
inline void decodeQ6Block(const char *block, float *out) {
  float scale = readHalf(block + 208);
  uint8_t low[128], high[64];
  int8_t scales[16];
  std::memcpy(low, block, sizeof(low));
  std::memcpy(high, block + 128, sizeof(high));
  std::memcpy(scales, block + 192, sizeof(scales));
  for (int sub = 0; sub < 16; ++sub) {
    int64_t half = sub / 8, start = int64_t(16) * (sub % 2);
    int run = sub % 8 / 2;
    const uint8_t *lows = low + 64 * half + int64_t(32) * (run % 2) + start;
    const uint8_t *highs = high + 32 * half + start;
    float subScale = scale * static_cast<float>(scales[sub]);
    for (int i = 0; i < 16; ++i) {
      int integer =
          (lows[i] >> (4 * (run / 2)) & 15) | (highs[i] >> (2 * run) & 3) << 4;
      out[16 * sub + i] = subScale * static_cast<float>(integer - 32);
    }
  }
}

using Q4KBlock = FloatBlock<256, 144, decodeOffsetBlock<false>>;
using Q5KBlock = FloatBlock<256, 176, decodeOffsetBlock<true>>;
using Q6KBlock = FloatBlock<256, 210, decodeQ6Block>;

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_FLOATBLOCKS_H
