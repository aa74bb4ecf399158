//===- PackedIntegers.h - Integers of less than a byte ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX packs integers of 4 and 2 bits into bytes, the first in the low bits.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_PACKEDINTEGERS_H
#define STERNA_SUPPORT_PACKEDINTEGERS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MathExtras.h"

#include <string>

namespace sterna {

/// Bytes of `count` integers of `bits` bits, 2 or 4.
inline uint64_t getPackedBytes(uint64_t count, unsigned bits) {
  return llvm::divideCeil(count * bits, 8);
}

/// The first `count` integers of `bytes`, a byte each.
inline std::string unpackIntegers(llvm::StringRef bytes, unsigned bits,
                                  bool isUnsigned, int64_t count) {
  std::string result(count, '\0');
  unsigned perByte = 8 / bits, mask = (1u << bits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    unsigned code = uint8_t(bytes[i / perByte]) >> (i % perByte * bits) & mask;
    bool isNegative = !isUnsigned && code > mask / 2;
    result[i] = char(isNegative ? int(code) - int(mask) - 1 : int(code));
  }
  return result;
}

} // namespace sterna

#endif // STERNA_SUPPORT_PACKEDINTEGERS_H
