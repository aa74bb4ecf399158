//===- WeightBlocks.cpp - Decoding of stored weight blocks ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner loops of reading weights. Each is a counted loop without branches
// over small arrays, which the C++ compiler vectorizes for its baseline: no
// intrinsics, so that the importer builds and runs anywhere.
//
//===----------------------------------------------------------------------===//

#include "WeightBlocks.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cstring>

using namespace sterna;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "weights are read as they are stored, little-endian");

/// Weights decoded between a copy out of the (unaligned) bytes and the result.
static constexpr int64_t stripSize = 64;

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

float sterna::convertHalfToFloat(uint16_t bits) {
  constexpr uint32_t exponentMask = 0x1fu << 23;
  constexpr uint32_t rebias = 112u << 23;
  uint32_t shifted = static_cast<uint32_t>(bits & 0x7fff) << 13;
  uint32_t exponent = shifted & exponentMask;
  // Infinities and NaNs need the f32 exponent 255: rebias twice.
  uint32_t normal = shifted + rebias + (exponent == exponentMask ? rebias : 0u);
  // A subnormal m x 2^-24 is (1 + m x 2^-10) x 2^-14 minus 2^-14.
  float subnormal = llvm::bit_cast<float>(shifted + rebias + (1u << 23)) -
                    llvm::bit_cast<float>(rebias + (1u << 23));
  uint32_t magnitude =
      exponent == 0 ? llvm::bit_cast<uint32_t>(subnormal) : normal;
  return llvm::bit_cast<float>(magnitude | static_cast<uint32_t>(bits & 0x8000)
                                               << 16);
}

static float convertBFloatToFloat(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// Applies `convert` to each of `count` 16-bit words.
template <typename ConvertFn>
static void convertWords(const char *bytes, int64_t count, float *out,
                         ConvertFn convert) {
  uint16_t words[stripSize];
  for (int64_t begin = 0; begin < count; begin += stripSize) {
    int64_t size = std::min(stripSize, count - begin);
    std::memcpy(words, bytes + begin * 2, size * 2);
    for (int64_t i = 0; i < size; ++i)
      out[begin + i] = convert(words[i]);
  }
}

/// Writes the signs of `count` floats of the width of `Word`; both zeros and
/// nothing else are 0.
template <typename Word>
static void decodeFloatSigns(const char *bytes, int64_t count, int8_t *out) {
  constexpr Word signBit = static_cast<Word>(Word(1) << (sizeof(Word) * 8 - 1));
  constexpr Word magnitudeMask = static_cast<Word>(signBit - 1);
  Word words[stripSize];
  for (int64_t begin = 0; begin < count; begin += stripSize) {
    int64_t size = std::min(stripSize, count - begin);
    std::memcpy(words, bytes + begin * sizeof(Word), size * sizeof(Word));
    for (int64_t i = 0; i < size; ++i) {
      int8_t nonzero = (words[i] & magnitudeMask) != 0;
      int8_t negative = words[i] > signBit;
      out[begin + i] = static_cast<int8_t>(nonzero - 2 * negative);
    }
  }
}

//===----------------------------------------------------------------------===//
// Blocks with a scale
//===----------------------------------------------------------------------===//

static uint16_t readHalfBits(const char *bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

void sterna::decodeTQ2Codes(const char *block, int8_t *out) {
  for (int half = 0; half < 2; ++half) {
    uint8_t codes[32];
    std::memcpy(codes, block + 32 * half, 32);
    for (int plane = 0; plane < 4; ++plane)
      for (int m = 0; m < 32; ++m)
        out[128 * half + 32 * plane + m] =
            static_cast<int8_t>(((codes[m] >> (2 * plane)) & 3) - 1);
  }
}

/// Writes digit minus one of each of `Count` bytes: `shifted` is the byte times
/// a power of three, so that its wanted digit is the leading one.
template <int Count>
static void decodeDigit(const uint8_t *bytes, uint8_t power, int8_t *out) {
  for (int m = 0; m < Count; ++m) {
    uint8_t shifted = static_cast<uint8_t>(bytes[m] * power);
    uint16_t digit = static_cast<uint16_t>(shifted * 3) >> 8;
    out[m] = static_cast<int8_t>(digit - 1);
  }
}

void sterna::decodeTQ1Digits(const char *block, int8_t *out) {
  static constexpr uint8_t powers[5] = {1, 3, 9, 27, 81};
  uint8_t bytes[52];
  std::memcpy(bytes, block, sizeof(bytes));
  for (int n = 0; n < 5; ++n) {
    decodeDigit<32>(bytes, powers[n], out + 32 * n);
    decodeDigit<16>(bytes + 32, powers[n], out + 160 + 16 * n);
  }
  for (int n = 0; n < 4; ++n)
    decodeDigit<4>(bytes + 48, powers[n], out + 240 + 4 * n);
}

/// Decodes blocks of `BlockSize` weights: `decode` gives the integers, the half
/// at `scaleOffset` the scale.
template <int BlockSize, typename DecodeFn>
static void decodeScaled(const char *bytes, int64_t numWeights,
                         int64_t blockBytes, int64_t scaleOffset, float *out,
                         DecodeFn decode) {
  int8_t integers[BlockSize];
  for (int64_t begin = 0; begin < numWeights; begin += BlockSize) {
    float scale = convertHalfToFloat(readHalfBits(bytes + scaleOffset));
    decode(bytes, integers);
    for (int i = 0; i < BlockSize; ++i)
      out[begin + i] = static_cast<float>(integers[i]) * scale;
    bytes += blockBytes;
  }
}

/// The same, but writes the sign of each weight only.
template <int BlockSize, typename DecodeFn>
static void decodeScaledSigns(const char *bytes, int64_t numWeights,
                              int64_t blockBytes, int64_t scaleOffset,
                              int8_t *out, DecodeFn decode) {
  int8_t integers[BlockSize];
  for (int64_t begin = 0; begin < numWeights; begin += BlockSize) {
    uint16_t scale = readHalfBits(bytes + scaleOffset);
    decode(bytes, integers);
    int8_t unit = (scale & 0x7fff) == 0 ? 0 : (scale & 0x8000) ? -1 : 1;
    // The mask makes all weights 0 if the scale is 0; a negative scale swaps
    // the two comparisons.
    int8_t mask = static_cast<int8_t>(-(unit != 0));
    int8_t flip = static_cast<int8_t>(-(unit < 0));
    for (int i = 0; i < BlockSize; ++i) {
      int8_t sign = static_cast<int8_t>((integers[i] > 0) - (integers[i] < 0));
      // (x ^ -1) - -1 is -x in two's complement.
      out[begin + i] = static_cast<int8_t>(((sign ^ flip) - flip) & mask);
    }
    bytes += blockBytes;
  }
}

static void decodeQ8Integers(const char *block, int8_t *out) {
  std::memcpy(out, block + 2, 32);
}

//===----------------------------------------------------------------------===//
// Dispatch on the type
//===----------------------------------------------------------------------===//

void sterna::decodeBlocksToFloats(WeightType type, const char *bytes,
                                  int64_t numWeights, float *out) {
  switch (type) {
  case WeightType::F32:
    std::memcpy(out, bytes, numWeights * sizeof(float));
    return;
  case WeightType::F16:
    return convertWords(bytes, numWeights, out, convertHalfToFloat);
  case WeightType::BF16:
    return convertWords(bytes, numWeights, out, convertBFloatToFloat);
  case WeightType::Q8_0:
    return decodeScaled<32>(bytes, numWeights, 34, 0, out, decodeQ8Integers);
  case WeightType::TQ1_0:
    return decodeScaled<256>(bytes, numWeights, tq1BlockBytes, tq1ScaleOffset,
                             out, decodeTQ1Digits);
  case WeightType::TQ2_0:
    return decodeScaled<256>(bytes, numWeights, tq2BlockBytes, tq2ScaleOffset,
                             out, decodeTQ2Codes);
  }
  llvm_unreachable("unknown weight type");
}

void sterna::decodeBlocksToSigns(WeightType type, const char *bytes,
                                 int64_t numWeights, int8_t *out) {
  switch (type) {
  case WeightType::F32:
    return decodeFloatSigns<uint32_t>(bytes, numWeights, out);
  case WeightType::F16:
  case WeightType::BF16:
    return decodeFloatSigns<uint16_t>(bytes, numWeights, out);
  case WeightType::Q8_0:
    return decodeScaledSigns<32>(bytes, numWeights, 34, 0, out,
                                 decodeQ8Integers);
  case WeightType::TQ1_0:
    return decodeScaledSigns<256>(bytes, numWeights, tq1BlockBytes,
                                  tq1ScaleOffset, out, decodeTQ1Digits);
  case WeightType::TQ2_0:
    return decodeScaledSigns<256>(bytes, numWeights, tq2BlockBytes,
                                  tq2ScaleOffset, out, decodeTQ2Codes);
  }
  llvm_unreachable("unknown weight type");
}
