//===- ModelBytes.h - Encoders for tests of model reading -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes GGUF headers and weight blocks from the description of the formats,
// sharing no code with the decoders, so that a mistake cannot cancel out.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_UNIT_IMPORT_MODELBYTES_H
#define STERNA_TEST_UNIT_IMPORT_MODELBYTES_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace sterna::test {

/// Bytes with little-endian appending.
struct Bytes {
  std::string data;

  template <typename T> Bytes &number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    data.append(raw, sizeof(T));
    return *this;
  }
  Bytes &u32(uint32_t value) { return number(value); }
  Bytes &u64(uint64_t value) { return number(value); }
  Bytes &string(const std::string &text) {
    u64(text.size());
    data += text;
    return *this;
  }
  Bytes &key(const std::string &name, uint32_t type) {
    return string(name).u32(type);
  }
  /// `dims` in the order of the format, innermost first.
  Bytes &tensor(const std::string &name, const std::vector<uint64_t> &dims,
                uint32_t type, uint64_t offset) {
    string(name).u32(dims.size());
    for (uint64_t dim : dims)
      u64(dim);
    return u32(type).u64(offset);
  }
  Bytes &pad(size_t alignment) {
    while (data.size() % alignment != 0)
      data += '\0';
    return *this;
  }
};

/// Starts a GGUF file.
inline Bytes ggufHeader(uint64_t numTensors, uint64_t numKeys,
                        uint32_t version = 3) {
  Bytes bytes;
  bytes.data = "GGUF";
  bytes.u32(version).u64(numTensors).u64(numKeys);
  return bytes;
}

/// Value of the bits of an IEEE half, by its definition.
inline double halfValue(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  int fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                    : std::ldexp(fraction, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/// Appends 256 trits as a block of TQ1_0 with the scale `half`.
inline void appendTQ1Block(std::string &out, const int8_t *trits,
                           uint16_t half) {
  auto pack = [&](std::vector<int> positions) {
    int value = 0;
    for (int position : positions)
      value = value * 3 + trits[position] + 1;
    if (positions.size() == 4)
      value *= 3;
    out += static_cast<char>((value * 256 + 242) / 243);
  };
  for (int m = 0; m < 32; ++m)
    pack({m, 32 + m, 64 + m, 96 + m, 128 + m});
  for (int m = 0; m < 16; ++m)
    pack({160 + m, 176 + m, 192 + m, 208 + m, 224 + m});
  for (int m = 0; m < 4; ++m)
    pack({240 + m, 244 + m, 248 + m, 252 + m});
  out += static_cast<char>(half & 255);
  out += static_cast<char>(half >> 8);
}

/// Appends 256 trits (2 gives the invalid code) as a block of TQ2_0.
inline void appendTQ2Block(std::string &out, const int8_t *trits,
                           uint16_t half) {
  for (int start : {0, 128})
    for (int m = 0; m < 32; ++m) {
      int byte = 0;
      for (int plane = 0; plane < 4; ++plane)
        byte += (trits[start + 32 * plane + m] + 1) << (2 * plane);
      out += static_cast<char>(byte);
    }
  out += static_cast<char>(half & 255);
  out += static_cast<char>(half >> 8);
}

/// Appends trits, four to a byte, the first in the low bits (2 gives the
/// invalid code).
inline void appendNeighbours(std::string &out, const int8_t *trits,
                             size_t count) {
  for (size_t i = 0; i < count; i += 4) {
    int byte = 0;
    for (int l = 0; l < 4; ++l)
      byte += (trits[i + l] + 1) << (2 * l);
    out += static_cast<char>(byte);
  }
}

/// Appends 128 trits as a block of PTQ1_0 with the scale `half`.
inline void appendPTQ1Block(std::string &out, const int8_t *trits,
                            uint16_t half) {
  auto pack = [&](int first, int step, int count) {
    int value = 0;
    for (int n = 0; n < 5; ++n)
      value = value * 3 + (n < count ? trits[first + n * step] + 1 : 0);
    out += static_cast<char>((value * 256 + 242) / 243);
  };
  for (int m = 0; m < 16; ++m)
    pack(m, 16, 5);
  for (int m = 0; m < 8; ++m)
    pack(80 + m, 8, 5);
  for (int m = 0; m < 2; ++m)
    pack(120 + m, 2, 4);
  out += static_cast<char>(half & 255);
  out += static_cast<char>(half >> 8);
}

/// Appends 256 trits as a block of STQ1_0 with the scale `half`: of four trits
/// 16 apart, one is zero. By the rule of the codebook, not the book: a code is
/// the place of the zero, then whether the second and third of the others
/// differ from the first, whose sign stands apart.
inline void appendSTQ1Block(std::string &out, const int8_t *trits,
                            uint16_t half) {
  uint8_t codes[32] = {}, signs[8] = {};
  for (int group = 0; group < 64; ++group) {
    const int8_t *first = trits + group / 16 * 64 + group % 16;
    int zero = 0;
    std::vector<int8_t> others;
    for (int lane = 0; lane < 4; ++lane)
      if (first[16 * lane] == 0)
        zero = lane;
      else
        others.push_back(first[16 * lane]);
    int code =
        4 * zero + (others[1] != others[0]) + 2 * (others[2] != others[0]);
    codes[group / 2] |= code << (group % 2 * 4);
    signs[group / 8] |= (others[0] < 0) << (group % 8);
  }
  out.append(reinterpret_cast<const char *>(codes), sizeof(codes));
  out.append(reinterpret_cast<const char *>(signs), sizeof(signs));
  out += static_cast<char>(half & 255);
  out += static_cast<char>(half >> 8);
}

/// Bytes of a matrix of I2_S: blocks of 4 x `lanes` trits (2 gives the invalid
/// code), then the scale in 32 bytes.
inline std::string encodeRun(const std::vector<int8_t> &trits, size_t lanes,
                             float scale) {
  Bytes bytes;
  for (size_t block = 0; block < trits.size(); block += 4 * lanes)
    for (size_t j = 0; j < lanes; ++j) {
      int byte = 0;
      for (size_t plane = 0; plane < 4; ++plane)
        byte = byte * 4 + trits[block + plane * lanes + j] + 1;
      bytes.number<uint8_t>(byte);
    }
  bytes.number(scale).data.append(28, '\0');
  return bytes.data;
}

/// Bytes of a matrix whose bytes hold four rows, a quarter of all apart (2
/// gives the invalid code).
inline std::string encodeQuarters(const std::vector<int8_t> &trits,
                                  size_t numCols) {
  std::string bytes(trits.size() / 4, '\0');
  size_t numRows = trits.size() / numCols, quarter = numRows / 4;
  for (size_t row = 0; row < numRows; ++row)
    for (size_t col = 0; col < numCols; ++col) {
      char &byte = bytes[row % quarter * numCols + col];
      int code = trits[row * numCols + col] + 1;
      byte = static_cast<char>(byte | code << (row / quarter * 2));
    }
  return bytes;
}

/// Appends 32 integers as a block of Q8_0.
inline void appendQ8Block(std::string &out, const int8_t *values,
                          uint16_t half) {
  out += static_cast<char>(half & 255);
  out += static_cast<char>(half >> 8);
  out.append(reinterpret_cast<const char *>(values), 32);
}

/// A file that exists as long as the object.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &contents) {
    int descriptor;
    if (llvm::sys::fs::createTemporaryFile("sterna-import", "bin", descriptor,
                                           path))
      return;
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << contents;
  }
  ~TemporaryFile() { (void)llvm::sys::fs::remove(path); }
  std::string getPath() const { return std::string(path.str()); }

private:
  llvm::SmallString<128> path;
};

} // namespace sterna::test

#endif // STERNA_TEST_UNIT_IMPORT_MODELBYTES_H
