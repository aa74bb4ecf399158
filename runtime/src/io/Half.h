//===- Half.h - 16-bit floats as f32 --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact conversions, without branches, so that loops over them become vector
// code. Compiler and runtime read files by these alone.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_HALF_H
#define STERNA_RUNTIME_IO_HALF_H

#include <cstdint>
#include <cstring>

namespace sterna {

/// The float whose bits are `bits`.
inline float floatOfBits(uint32_t bits) {
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

/// The value of an IEEE half. A NaN keeps the bits of its payload.
inline float halfToFloat(uint16_t half) {
  constexpr uint32_t exponentMask = 0x1fU << 23;
  constexpr uint32_t rebias = 112U << 23;
  uint32_t shifted = static_cast<uint32_t>(half & 0x7fff) << 13;
  uint32_t exponent = shifted & exponentMask;
  // Infinities and NaNs need the f32 exponent 255: rebias twice.
  uint32_t normal = shifted + rebias + (exponent == exponentMask ? rebias : 0U);
  // A subnormal m x 2^-24 is (1 + m x 2^-10) x 2^-14 minus 2^-14.
  float subnormal = floatOfBits(shifted + rebias + (1U << 23)) -
                    floatOfBits(rebias + (1U << 23));
  uint32_t subnormalBits;
  std::memcpy(&subnormalBits, &subnormal, sizeof subnormalBits);
  uint32_t magnitude = exponent == 0 ? subnormalBits : normal;
  return floatOfBits(magnitude | static_cast<uint32_t>(half & 0x8000) << 16);
}

/// The value of a bfloat16.
inline float bfloatToFloat(uint16_t bits) {
  return floatOfBits(static_cast<uint32_t>(bits) << 16);
}

} // namespace sterna

#endif // STERNA_RUNTIME_IO_HALF_H
