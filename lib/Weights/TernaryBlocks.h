//===- TernaryBlocks.h - Blocks of trits ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the trits of a block lie, for each format that packs them in whole
// blocks of a row. Decoders write -1, 0 and 1, and 2 for the code of two bits
// that is no trit.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_TERNARYBLOCKS_H
#define STERNA_LIB_WEIGHTS_TERNARYBLOCKS_H

#include "ScaledBlocks.h"

#include "llvm/Support/Compiler.h"

#include <array>

namespace sterna {

//===----------------------------------------------------------------------===//
// Codes of two bits
//===----------------------------------------------------------------------===//

inline void decodeTQ2Codes(const char *block, int8_t *out) {
  for (int64_t half = 0; half < 2; ++half) {
    uint8_t codes[32];
    std::memcpy(codes, block + 32 * half, 32);
    for (int64_t plane = 0; plane < 4; ++plane)
      for (int64_t m = 0; m < 32; ++m)
        out[128 * half + 32 * plane + m] =
            static_cast<int8_t>(((codes[m] >> (2 * plane)) & 3) - 1);
  }
}

/// Four trits in the order of their codes in a byte.
using TritsOfByte = std::array<int8_t, 4>;

constexpr TritsOfByte decodeByte(int byte) {
  return {static_cast<int8_t>((byte & 3) - 1),
          static_cast<int8_t>((byte >> 2 & 3) - 1),
          static_cast<int8_t>((byte >> 4 & 3) - 1),
          static_cast<int8_t>((byte >> 6 & 3) - 1)};
}

constexpr std::array<TritsOfByte, 256> makeTritsOfBytes() {
  std::array<TritsOfByte, 256> table{};
  for (int byte = 0; byte < 256; ++byte)
    table[byte] = decodeByte(byte);
  return table;
}

/// Neighbours share a byte, the first in the low bits. A look-up each, because
/// spreading bits is what baseline vector instructions lack.
template <int SkippedBytes, int Bytes>
void decodeNeighbours(const char *block, int8_t *out) {
  static constexpr auto table = makeTritsOfBytes();
  for (int64_t i = 0; i < Bytes; ++i) {
    auto byte = static_cast<uint8_t>(block[SkippedBytes + i]);
    std::memcpy(out + 4 * i, table[byte].data(), 4);
  }
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// Widens signed integers of `Bits`, neighbours from the low bits of a byte on.
template <int Bits>
void widenIntegers(const char *bytes, int64_t count, float *out) {
  constexpr int perByte = 8 / Bits;
  for (int64_t i = 0; i < count; ++i) {
    auto byte = static_cast<uint8_t>(bytes[i / perByte]);
    auto top = static_cast<uint8_t>(byte << (8 - Bits - Bits * (i % perByte)));
    out[i] = static_cast<float>(static_cast<int8_t>(top) >> (8 - Bits));
  }
}

//===----------------------------------------------------------------------===//
// Digits of base 3
//===----------------------------------------------------------------------===//

/// Writes digit minus one of each of `Count` bytes: `shifted` is the byte times
/// a power of three, so that its wanted digit is the leading one.
template <int Count>
LLVM_ATTRIBUTE_ALWAYS_INLINE void decodeDigit(const uint8_t *bytes,
                                              uint8_t power, int8_t *out) {
  for (int m = 0; m < Count; ++m) {
    uint8_t shifted = static_cast<uint8_t>(bytes[m] * power);
    uint16_t digit = static_cast<uint16_t>(shifted * 3) >> 8;
    out[m] = static_cast<int8_t>(digit - 1);
  }
}

/// Three runs of bytes, `First` with five digits each, `Second` with five and
/// `Third` with four: digit n of all bytes of a run, then digit n + 1.
template <int First, int Second, int Third>
void decodeBase3(const char *block, int8_t *out) {
  static constexpr uint8_t powers[5] = {1, 3, 9, 27, 81};
  constexpr int second = 5 * First, third = second + 5 * Second;
  uint8_t bytes[First + Second + Third];
  std::memcpy(bytes, block, sizeof(bytes));
  for (int64_t n = 0; n < 5; ++n) {
    decodeDigit<First>(bytes, powers[n], out + First * n);
    decodeDigit<Second>(bytes + First, powers[n], out + second + Second * n);
  }
  for (int64_t n = 0; n < 4; ++n)
    decodeDigit<Third>(bytes + First + Second, powers[n],
                       out + third + Third * n);
}

//===----------------------------------------------------------------------===//
// Four trits of which one is zero
//===----------------------------------------------------------------------===//

/// The four trits of each half byte, as codes in a byte; the second half is for
/// quadruples whose bit of `sign` is set.
constexpr uint8_t sparseCodebook[32] = {
    0xa9, 0x89, 0x29, 0x09, 0xa6, 0x86, 0x26, 0x06, 0x9a, 0x92, 0x1a,
    0x12, 0x6a, 0x62, 0x4a, 0x42, 0x01, 0x21, 0x81, 0xa1, 0x04, 0x24,
    0x84, 0xa4, 0x10, 0x18, 0x90, 0x98, 0x40, 0x48, 0x60, 0x68};

/// 64 quadruples in 32 bytes and their bits in 8; the trits of a quadruple are
/// 16 apart, and 16 quadruples make a run of 64 weights.
inline void decodeSparse(const char *block, int8_t *out) {
  for (int64_t group = 0; group < 64; ++group) {
    auto codes = static_cast<uint8_t>(block[group / 2]);
    auto signs = static_cast<uint8_t>(block[32 + group / 8]);
    int64_t entry =
        (codes >> (4 * (group & 1)) & 15) + 16 * (signs >> (group & 7) & 1);
    TritsOfByte trits = decodeByte(sparseCodebook[entry]);
    int8_t *first = out + group / 16 * 64 + group % 16;
    for (int64_t lane = 0; lane < 4; ++lane)
      first[16 * lane] = trits[lane];
  }
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

using TQ1Block = ScaledBlock<256, 54, 52, decodeBase3<32, 16, 4>>;
using TQ2Block = ScaledBlock<256, 66, 64, decodeTQ2Codes>;
using Q2Block = ScaledBlock<64, 18, 0, decodeNeighbours<2, 16>>;
using PQ2Block = ScaledBlock<128, 34, 0, decodeNeighbours<2, 32>>;
using PTQ1Block = ScaledBlock<128, 28, 26, decodeBase3<16, 8, 2>>;
using STQ1Block = ScaledBlock<256, 42, 40, decodeSparse>;
using MLXBlock = ScaledBlock<16, 4, noScale, decodeNeighbours<0, 4>>;

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_TERNARYBLOCKS_H
