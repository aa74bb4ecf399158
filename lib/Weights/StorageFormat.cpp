//===- StorageFormat.cpp - How files store matrices -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner loops of reading weights, and at the end the table of them. Each is
// a counted loop without branches over small arrays, which the C++ compiler
// vectorizes for its baseline: no intrinsics, so that the importer builds and
// runs anywhere.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/StorageFormat.h"

#include "io/Half.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <iterator>
#include <optional>

using namespace sterna;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "weights are read as they are stored, little-endian");

/// Weights decoded between a copy out of the (unaligned) bytes and the result.
static constexpr int64_t stripSize = 64;

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static void decodeSingles(const char *bytes, int64_t count, float *out) {
  std::memcpy(out, bytes, count * sizeof(float));
}

/// Applies `convert` to each of `count` 16-bit words.
template <float (*convert)(uint16_t)>
static void decodeWords(const char *bytes, int64_t count, float *out) {
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

/// Columns of floats in a unit: the smallest group that is recognised.
static constexpr int64_t floatUnit = 32;

/// Returns the one non-zero magnitude among `size` <= 32 floats of the width of
/// `Word`, as bits: 0 if all are zero, nothing if there are several or if one
/// is not finite. `infinity` holds the bits of the type's infinity. Signed
/// words: their comparison is the one that baseline vector instructions have,
/// and magnitudes are positive.
template <typename Word>
static std::optional<Word> findMagnitude(const char *bytes, int64_t size,
                                         Word infinity) {
  constexpr Word magnitudeMask =
      static_cast<Word>(~(uint64_t(1) << (sizeof(Word) * 8 - 1)));
  // Padding with zeros keeps the loops at a fixed length.
  Word words[floatUnit] = {};
  std::memcpy(words, bytes, size * sizeof(Word));
  Word largest = 0;
  for (Word &word : words) {
    word = static_cast<Word>(word & magnitudeMask);
    largest = std::max(largest, word);
  }
  Word different = 0;
  for (Word word : words)
    different =
        static_cast<Word>(different | ((word != 0) & (word != largest)));
  if (different || largest >= infinity)
    return std::nullopt;
  return largest;
}

static bool findSingleMagnitudes(const char *row, int64_t count, float *out) {
  for (int64_t begin = 0; begin < count; begin += floatUnit) {
    auto bits = findMagnitude<int32_t>(
        row + begin * 4, std::min(floatUnit, count - begin), 0x7f800000);
    if (!bits)
      return false;
    out[begin / floatUnit] = floatOfBits(*bits);
  }
  return true;
}

template <float (*convert)(uint16_t), int16_t infinity>
static bool findWordMagnitudes(const char *row, int64_t count, float *out) {
  for (int64_t begin = 0; begin < count; begin += floatUnit) {
    auto bits = findMagnitude<int16_t>(
        row + begin * 2, std::min(floatUnit, count - begin), infinity);
    if (!bits)
      return false;
    out[begin / floatUnit] = convert(*bits);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Blocks with a scale
//===----------------------------------------------------------------------===//

/// Integers of a block of `Size` weights in `Bytes` bytes, whose half at
/// `ScaleAt` is the scale.
template <int Size, int Bytes, int ScaleAt,
          void (*Decode)(const char *block, int8_t *out)>
struct ScaledBlock {
  static constexpr int size = Size, bytes = Bytes, scaleAt = ScaleAt;
  static void decode(const char *block, int8_t *out) { Decode(block, out); }
};

static uint16_t readHalfBits(const char *bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

/// Writes codes minus one: -1, 0, 1, or 2 for the code that is no trit.
static void decodeTQ2Codes(const char *block, int8_t *out) {
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

/// Writes digits minus one: -1, 0 or 1.
static void decodeTQ1Digits(const char *block, int8_t *out) {
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

static void decodeQ8Integers(const char *block, int8_t *out) {
  std::memcpy(out, block + 2, 32);
}

using Q8Block = ScaledBlock<32, 34, 0, decodeQ8Integers>;
using TQ1Block = ScaledBlock<256, 54, 52, decodeTQ1Digits>;
using TQ2Block = ScaledBlock<256, 66, 64, decodeTQ2Codes>;

template <typename Block>
static void decodeScaled(const char *bytes, int64_t count, float *out) {
  int8_t integers[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    float scale = halfToFloat(readHalfBits(bytes + Block::scaleAt));
    Block::decode(bytes, integers);
    for (int i = 0; i < Block::size; ++i)
      out[begin + i] = static_cast<float>(integers[i]) * scale;
    bytes += Block::bytes;
  }
}

template <typename Block>
static void decodeScaledSigns(const char *bytes, int64_t count, int8_t *out) {
  int8_t integers[Block::size];
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    uint16_t scale = readHalfBits(bytes + Block::scaleAt);
    Block::decode(bytes, integers);
    int8_t unit = (scale & 0x7fff) == 0 ? 0 : (scale & 0x8000) ? -1 : 1;
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

/// A block of trits has one magnitude, that of its scale.
template <typename Block>
static bool findBlockMagnitudes(const char *row, int64_t count, float *out) {
  int8_t digits[Block::size];
  bool areTrits = true;
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    uint16_t scale = readHalfBits(row + Block::scaleAt);
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

/// A block of integers is judged by its floats.
static bool findQ8Magnitudes(const char *row, int64_t count, float *out) {
  static_assert(Q8Block::size == floatUnit, "a unit is a block");
  float weights[floatUnit];
  for (int64_t begin = 0; begin < count; begin += floatUnit) {
    decodeScaled<Q8Block>(row, floatUnit, weights);
    if (!findSingleMagnitudes(reinterpret_cast<const char *>(weights),
                              floatUnit, out + begin / floatUnit))
      return false;
    row += Q8Block::bytes;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// In the order of `StorageType`.
static constexpr StorageFormat formats[] = {
    {StorageType::F32, "F32", 1, 4, true, decodeSingles,
     decodeFloatSigns<uint32_t>, floatUnit, findSingleMagnitudes},
    {StorageType::F16, "F16", 1, 2, true, decodeWords<halfToFloat>,
     decodeFloatSigns<uint16_t>, floatUnit,
     findWordMagnitudes<halfToFloat, 0x7c00>},
    {StorageType::BF16, "BF16", 1, 2, true, decodeWords<bfloatToFloat>,
     decodeFloatSigns<uint16_t>, floatUnit,
     findWordMagnitudes<bfloatToFloat, 0x7f80>},
    {StorageType::Q8_0, "Q8_0", Q8Block::size, Q8Block::bytes, true,
     decodeScaled<Q8Block>, decodeScaledSigns<Q8Block>, floatUnit,
     findQ8Magnitudes},
    {StorageType::TQ1_0, "TQ1_0", TQ1Block::size, TQ1Block::bytes, false,
     decodeScaled<TQ1Block>, decodeScaledSigns<TQ1Block>, TQ1Block::size,
     findBlockMagnitudes<TQ1Block>},
    {StorageType::TQ2_0, "TQ2_0", TQ2Block::size, TQ2Block::bytes, false,
     decodeScaled<TQ2Block>, decodeScaledSigns<TQ2Block>, TQ2Block::size,
     findBlockMagnitudes<TQ2Block>},
};
static_assert(std::size(formats) == tern::getMaxEnumValForStorageType() + 1);

const StorageFormat &sterna::getStorageFormat(StorageType type) {
  const StorageFormat &format = formats[static_cast<size_t>(type)];
  assert(format.type == type && "the table is not in order");
  return format;
}

std::string sterna::listStorageFormats(bool floatsOnly) {
  std::vector<std::string> names;
  for (const StorageFormat &format : formats)
    if (format.isFloat || !floatsOnly)
      names.emplace_back(format.name);
  std::string last = names.back();
  names.pop_back();
  return llvm::join(names, ", ") + " or " + last;
}
