//===- EncodeTrits.h - Trits as formats store them --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inverse of the decoders beside it: trits and the one scale that they
// share become the bytes of whole blocks. Nothing is rounded, for a scale is
// asked for only where the format holds it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_ENCODETRITS_H
#define STERNA_LIB_WEIGHTS_ENCODETRITS_H

#include "ScaledBlocks.h"

#include "llvm/ADT/APFloat.h"

#include <optional>

namespace sterna {

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// The bits of `value` in 16 bits of `semantics` if they hold it exactly.
inline std::optional<uint16_t> toWord(float value,
                                      const llvm::fltSemantics &semantics) {
  llvm::APFloat word(value);
  bool isInexact = false;
  word.convert(semantics, llvm::RoundingMode::NearestTiesToEven, &isInexact);
  if (isInexact)
    return std::nullopt;
  return static_cast<uint16_t>(word.bitcastToAPInt().getZExtValue());
}

inline std::optional<uint16_t> toHalf(float value) {
  return toWord(value, llvm::APFloat::IEEEhalf());
}
inline std::optional<uint16_t> toBfloat(float value) {
  return toWord(value, llvm::APFloat::BFloat());
}

inline bool holdsAny(float) { return true; }
inline bool holdsOne(float scale) { return scale == 1; }
template <auto convert> bool holdsWord(float scale) {
  return convert(scale).has_value();
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

inline void encodeSingles(const int8_t *trits, int64_t count, float scale,
                          char *out) {
  for (int64_t i = 0; i < count; ++i) {
    float weight = trits[i] ? static_cast<float>(trits[i]) * scale : 0.0F;
    std::memcpy(out + i * 4, &weight, sizeof(weight));
  }
}

template <auto convert>
void encodeWords(const int8_t *trits, int64_t count, float scale, char *out) {
  const uint16_t words[3] = {*convert(-scale), 0, *convert(scale)};
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(out + i * 2, &words[trits[i] + 1], sizeof(uint16_t));
}

//===----------------------------------------------------------------------===//
// Codes of two bits
//===----------------------------------------------------------------------===//

/// The code of the trit at `trits`, at bit `shift`.
inline int placeCode(const int8_t *trits, int shift) {
  return (*trits + 1) << shift;
}

inline void packTQ2Codes(const int8_t *trits, char *block) {
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t m = 0; m < 32; ++m) {
      int byte = 0;
      for (int plane = 0; plane < 4; ++plane)
        byte |=
            placeCode(trits + 128 * half + int64_t(32) * plane + m, 2 * plane);
      block[32 * half + m] = static_cast<char>(byte);
    }
}

template <int SkippedBytes, int Bytes>
void packNeighbours(const int8_t *trits, char *block) {
  for (int64_t i = 0; i < Bytes; ++i) {
    int byte = 0;
    for (int lane = 0; lane < 4; ++lane)
      byte |= placeCode(trits + 4 * i + lane, 2 * lane);
    block[SkippedBytes + i] = static_cast<char>(byte);
  }
}

/// A block of a run of 128 weights, whose scale is no part of it.
inline void encodeRun(const int8_t *trits, int64_t count, float, char *out) {
  for (int64_t begin = 0; begin < count; begin += 128)
    for (int64_t m = 0; m < 32; ++m) {
      int byte = 0;
      for (int plane = 0; plane < 4; ++plane)
        byte |=
            placeCode(trits + begin + int64_t(32) * plane + m, 6 - 2 * plane);
      *out++ = static_cast<char>(byte);
    }
}

/// Bytes of four trits each, which come from four rows: one quarter of `trits`
/// after another.
inline void encodeQuarters(const int8_t *trits, int64_t count, float,
                           char *out) {
  int64_t bytes = count / 4;
  for (int64_t i = 0; i < bytes; ++i) {
    int byte = 0;
    for (int quarter = 0; quarter < 4; ++quarter)
      byte |= placeCode(trits + quarter * bytes + i, 2 * quarter);
    out[i] = static_cast<char>(byte);
  }
}

//===----------------------------------------------------------------------===//
// Digits of base 3
//===----------------------------------------------------------------------===//

/// Writes `Count` bytes of `Digits` digits each, which are `Count` apart, the
/// leading one first. A byte is the number, as if it had five digits, times
/// 256 / 243, rounded up.
template <int Count, int Digits>
void packDigits(const int8_t *trits, char *out) {
  for (int m = 0; m < Count; ++m) {
    int number = 0;
    for (int n = 0; n < 5; ++n)
      number = number * 3 + (n < Digits ? trits[Count * n + m] + 1 : 0);
    out[m] = static_cast<char>((number * 256 + 242) / 243);
  }
}

/// See decodeBase3.
template <int First, int Second, int Third>
void packBase3(const int8_t *trits, char *block) {
  constexpr int second = 5 * First, third = second + 5 * Second;
  packDigits<First, 5>(trits, block);
  packDigits<Second, 5>(trits + second, block + First);
  packDigits<Third, 4>(trits + third, block + First + Second);
}

//===----------------------------------------------------------------------===//
// Blocks with a scale
//===----------------------------------------------------------------------===//

using PackTrits = void (*)(const int8_t *trits, char *block);

template <typename Block, PackTrits pack>
void encodeScaled(const int8_t *trits, int64_t count, float scale, char *out) {
  uint16_t bits = *toHalf(scale);
  for (int64_t begin = 0; begin < count; begin += Block::size) {
    pack(trits + begin, out);
    std::memcpy(out + Block::scaleAt, &bits, sizeof(bits));
    out += Block::bytes;
  }
}

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_ENCODETRITS_H
