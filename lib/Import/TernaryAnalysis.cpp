//===- TernaryAnalysis.cpp - Recognising and making ternary matrices ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decides whether a stored matrix is ternary and at which granularity, and
// quantizes latent floats by their mean magnitude. The analysis reads the
// matrix once: it reduces each unit of columns to one magnitude, and every
// candidate granularity is then judged from those.
//
//===----------------------------------------------------------------------===//

#include "WeightBlocks.h"
#include "WeightVisit.h"
#include "sterna/Import/WeightSource.h"

#include "llvm/ADT/Twine.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <optional>

using namespace llvm;
using namespace sterna;

/// Columns of a float matrix that are reduced to one magnitude: the smallest
/// group that is recognised.
static constexpr int64_t floatUnit = 32;

/// Columns of a TQ matrix that are reduced to one magnitude: its block.
static constexpr int64_t ternaryBlockUnit = 256;

//===----------------------------------------------------------------------===//
// Magnitude of one unit
//===----------------------------------------------------------------------===//

/// Returns the one non-zero magnitude among `size` <= 32 floats of the width of
/// `Word`, as bits: 0 if all are zero, nothing if there are several or if one
/// is not finite. `infinity` holds the bits of the type's infinity.
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

/// Reduces the rows of a float matrix. Signed words: their comparison is the
/// one that baseline vector instructions have, and magnitudes are positive.
static bool findFloatMagnitudes(WeightType type, const char *row,
                                int64_t numCols, float *out) {
  for (int64_t col = 0; col < numCols; col += floatUnit) {
    int64_t size = std::min(floatUnit, numCols - col);
    float &magnitude = out[col / floatUnit];
    if (type == WeightType::F32) {
      auto bits = findMagnitude<int32_t>(row + col * 4, size, 0x7f800000);
      if (!bits)
        return false;
      magnitude = llvm::bit_cast<float>(*bits);
      continue;
    }
    bool isHalf = type == WeightType::F16;
    auto bits =
        findMagnitude<int16_t>(row + col * 2, size, isHalf ? 0x7c00 : 0x7f80);
    if (!bits)
      return false;
    magnitude = isHalf
                    ? convertHalfToFloat(*bits)
                    : llvm::bit_cast<float>(static_cast<uint32_t>(*bits) << 16);
  }
  return true;
}

/// Reduces one block of TQ1_0 or TQ2_0.
static bool findBlockMagnitude(WeightType type, const char *block, float &out) {
  int8_t digits[ternaryBlockUnit];
  uint16_t scaleBits;
  if (type == WeightType::TQ1_0) {
    decodeTQ1Digits(block, digits);
    std::memcpy(&scaleBits, block + tq1ScaleOffset, sizeof(scaleBits));
  } else {
    decodeTQ2Codes(block, digits);
    std::memcpy(&scaleBits, block + tq2ScaleOffset, sizeof(scaleBits));
  }
  uint8_t anyNonzero = 0, anyInvalid = 0;
  for (int8_t digit : digits) {
    anyNonzero |= digit != 0;
    anyInvalid |= digit == 2;
  }
  out = anyNonzero ? std::fabs(convertHalfToFloat(scaleBits)) : 0.0f;
  return !anyInvalid && (scaleBits & 0x7fff) < 0x7c00;
}

/// Explains why a row is not ternary: `weights` are its decoded values, and no
/// two magnitudes may differ within a unit.
static std::string describeContradiction(const std::vector<float> &weights,
                                         int64_t row, int64_t unit) {
  std::string text;
  raw_string_ostream stream(text);
  int64_t numCols = weights.size();
  for (int64_t begin = 0; begin < numCols; begin += unit) {
    int64_t first = -1;
    for (int64_t col = begin; col < std::min(numCols, begin + unit); ++col) {
      float weight = weights[col];
      if (!std::isfinite(weight)) {
        stream << "element [" << row << ", " << col << "] is "
               << (std::isnan(weight) ? "not a number" : "infinite");
        return text;
      }
      if (weight == 0.0f)
        continue;
      if (first < 0)
        first = col;
      if (std::fabs(weight) == std::fabs(weights[first]))
        continue;
      stream << "element [" << row << ", " << first << "] is "
             << format("%.9g", weights[first]) << " but element [" << row
             << ", " << col << "] is " << format("%.9g", weight);
      return text;
    }
  }
  // Only a TQ2_0 block whose every non-zero weight has the invalid code.
  stream << "row " << row << " holds the code 3, which is no trit";
  return text;
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

/// Returns the one non-zero value among `count` magnitudes, 0 if there is none,
/// nothing if there are several.
static std::optional<float> findCommonScale(const float *magnitudes,
                                            int64_t count) {
  float scale = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    if (magnitudes[i] == 0.0f || magnitudes[i] == scale)
      continue;
    if (scale != 0.0f)
      return std::nullopt;
    scale = magnitudes[i];
  }
  return scale;
}

/// Fills `scales` with one scale for each `unitsPerGroup` units of every row;
/// returns false if some group has several.
static bool findGroupScales(const std::vector<float> &magnitudes,
                            int64_t unitsPerRow, int64_t unitsPerGroup,
                            std::vector<float> &scales) {
  scales.clear();
  for (int64_t row = 0, end = magnitudes.size(); row < end; row += unitsPerRow)
    for (int64_t unit = 0; unit < unitsPerRow; unit += unitsPerGroup) {
      std::optional<float> scale = findCommonScale(
          &magnitudes[row + unit], std::min(unitsPerGroup, unitsPerRow - unit));
      if (!scale)
        return false;
      scales.push_back(*scale);
    }
  return true;
}

/// Chooses the coarsest granularity that the magnitudes allow. There always is
/// one, since a group of one unit has one scale.
static void chooseGranularity(const std::vector<float> &magnitudes,
                              int64_t unitsPerRow, int64_t unit,
                              TernaryAnalysis &result) {
  result.isTernary = true;
  if (std::optional<float> scale =
          findCommonScale(magnitudes.data(), magnitudes.size())) {
    result.granularity = ScaleGranularity::Tensor;
    result.scales = {*scale};
    return;
  }
  if (findGroupScales(magnitudes, unitsPerRow, unitsPerRow, result.scales)) {
    result.granularity = ScaleGranularity::Row;
    return;
  }
  result.granularity = ScaleGranularity::Group;
  result.groupSize = 256;
  while (!findGroupScales(magnitudes, unitsPerRow, result.groupSize / unit,
                          result.scales))
    result.groupSize /= 2;
}

Expected<TernaryAnalysis> WeightSource::analyzeTernary() const {
  bool isBlocked = type == WeightType::TQ1_0 || type == WeightType::TQ2_0;
  int64_t unit = isBlocked ? ternaryBlockUnit : floatUnit;
  int64_t unitsPerRow = (numCols + unit - 1) / unit;
  std::vector<float> magnitudes(numRows * unitsPerRow);
  std::vector<float> decoded(type == WeightType::Q8_0 ? numCols : 0);
  TernaryAnalysis result;

  Error error = visitRows([&](const char *bytes, int64_t row) {
    float *out = &magnitudes[row * unitsPerRow];
    bool isTernary = true;
    if (isBlocked) {
      int64_t blockBytes = getWeightBlockBytes(type);
      for (int64_t i = 0; i < unitsPerRow; ++i)
        isTernary &= findBlockMagnitude(type, bytes + i * blockBytes, out[i]);
    } else if (type == WeightType::Q8_0) {
      decodeBlocksToFloats(type, bytes, numCols, decoded.data());
      isTernary = findFloatMagnitudes(
          WeightType::F32, reinterpret_cast<const char *>(decoded.data()),
          numCols, out);
    } else {
      isTernary = findFloatMagnitudes(type, bytes, numCols, out);
    }
    if (!isTernary) {
      decoded.resize(numCols);
      decodeBlocksToFloats(type, bytes, numCols, decoded.data());
      result.contradiction = describeContradiction(decoded, row, unit);
    }
    return isTernary;
  });
  if (error)
    return std::move(error);
  if (result.contradiction.empty())
    chooseGranularity(magnitudes, unitsPerRow, unit, result);
  return result;
}

//===----------------------------------------------------------------------===//
// Absmean quantization
//===----------------------------------------------------------------------===//

Expected<float> WeightSource::computeAbsmeanMultiplier() const {
  // Independent sums keep the additions in vectors; their number fixes the
  // order of the additions on every machine.
  constexpr int64_t numLanes = 8;
  std::vector<float> weights(std::min(weightsPerPiece, numRows * numCols));
  double total = 0.0;
  Error error = visitBlocks(
      0, numRows, [&](const char *bytes, int64_t index, int64_t size) {
        decodeBlocksToFloats(type, bytes, size, weights.data());
        double lanes[numLanes] = {};
        int64_t i = 0;
        for (; i + numLanes <= size; i += numLanes)
          for (int64_t lane = 0; lane < numLanes; ++lane)
            lanes[lane] += std::fabs(weights[i + lane]);
        for (; i < size; ++i)
          lanes[0] += std::fabs(weights[i]);
        for (double sum : lanes)
          total += sum;
      });
  if (error)
    return std::move(error);
  if (!std::isfinite(total))
    return createStringError(Twine(path) +
                             ": expected finite weights to "
                             "quantize at byte " +
                             Twine(offset) + ", but got an infinity or NaN");
  float mean = static_cast<float>(total / (double(numRows) * double(numCols)));
  return 1.0f / std::max(mean, 1e-5f);
}

Error WeightSource::quantizeAbsmean(int64_t firstRow, int64_t count,
                                    float multiplier, int8_t *out) const {
  if (Error error = checkRows(firstRow, count))
    return error;
  std::vector<float> weights(std::min(weightsPerPiece, count * numCols));
  return visitBlocks(
      firstRow, count, [&](const char *bytes, int64_t index, int64_t size) {
        decodeBlocksToFloats(type, bytes, size, weights.data());
        // Rounding half to even sends exactly 0.5 to 0, and what rounds beyond
        // 1 is clamped: comparing with 0.5 is all that is left.
        for (int64_t i = 0; i < size; ++i) {
          float scaled = weights[i] * multiplier;
          out[index + i] =
              static_cast<int8_t>((scaled > 0.5f) - (scaled < -0.5f));
        }
      });
}
