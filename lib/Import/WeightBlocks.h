//===- WeightBlocks.h - Decoding of stored weight blocks --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pure functions from the bytes of a storage type to floats or trits. They are
// apart from WeightSource so that the inner loops stand together, without I/O.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_WEIGHTBLOCKS_H
#define STERNA_LIB_IMPORT_WEIGHTBLOCKS_H

#include "sterna/Import/WeightSource.h"

#include <cstdint>

namespace sterna {

/// Bytes of one 256-weight block and the place of its half-precision scale.
constexpr int64_t tq1BlockBytes = 54;
constexpr int64_t tq1ScaleOffset = 52;
constexpr int64_t tq2BlockBytes = 66;
constexpr int64_t tq2ScaleOffset = 64;

/// Converts the bits of an IEEE half to f32, exactly.
float convertHalfToFloat(uint16_t bits);

/// Decodes `numWeights` weights (whole blocks) of `type` from `bytes`.
void decodeBlocksToFloats(WeightType type, const char *bytes,
                          int64_t numWeights, float *out);

/// Decodes `numWeights` weights (whole blocks) of `type` to their signs.
void decodeBlocksToSigns(WeightType type, const char *bytes, int64_t numWeights,
                         int8_t *out);

/// Decodes one block of TQ1_0 to digits minus one: -1, 0 or 1.
void decodeTQ1Digits(const char *block, int8_t *out);

/// Decodes one block of TQ2_0 to codes minus one: -1, 0, 1, or 2 for the code
/// that is no trit.
void decodeTQ2Codes(const char *block, int8_t *out);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_WEIGHTBLOCKS_H
