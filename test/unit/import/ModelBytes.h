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
