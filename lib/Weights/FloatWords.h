//===- FloatWords.h - Decoding of plain floats ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner loops for f32, f16 and bf16, for the table in StorageFormat.cpp.
// Other formats are judged by the floats that they decode to, with the same
// loops.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_FLOATWORDS_H
#define STERNA_LIB_WEIGHTS_FLOATWORDS_H

#include "io/Half.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

namespace sterna {

/// Weights decoded between a copy out of the (unaligned) bytes and the result.
constexpr int64_t stripSize = 64;

inline void decodeSingles(const char *bytes, int64_t count, float *out) {
  std::memcpy(out, bytes, count * sizeof(float));
}

/// Applies `convert` to each of `count` 16-bit words.
template <float (*convert)(uint16_t)>
void decodeWords(const char *bytes, int64_t count, float *out) {
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
void decodeFloatSigns(const char *bytes, int64_t count, int8_t *out) {
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
constexpr int64_t floatUnit = 32;

/// Returns the one non-zero magnitude among `size` <= 32 floats of the width of
/// `Word`, as bits: 0 if all are zero, nothing if there are several or if one
/// is not finite. `infinity` holds the bits of the type's infinity. Signed
/// words: their comparison is the one that baseline vector instructions have,
/// and magnitudes are positive.
template <typename Word>
std::optional<Word> findMagnitude(const char *bytes, int64_t size,
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

inline bool findSingleMagnitudes(const char *row, int64_t count, float *out) {
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
bool findWordMagnitudes(const char *row, int64_t count, float *out) {
  for (int64_t begin = 0; begin < count; begin += floatUnit) {
    auto bits = findMagnitude<int16_t>(
        row + begin * 2, std::min(floatUnit, count - begin), infinity);
    if (!bits)
      return false;
    out[begin / floatUnit] = convert(*bits);
  }
  return true;
}

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_FLOATWORDS_H
