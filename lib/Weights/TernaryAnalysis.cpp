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

#include "WeightVisit.h"
#include "sterna/Weights/WeightSource.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <optional>

using namespace llvm;
using namespace sterna;

/// Explains why a row is not ternary: `weights` are its decoded values, and no
/// two magnitudes may differ within a unit.
static std::string describeContradiction(const std::vector<float> &weights,
                                         int64_t row,
                                         const StorageFormat &format) {
  int64_t unit = format.unit;
  bool hasCodes = !format.isFloat && format.layout != RowLayout::Blocks;
  std::string text;
  raw_string_ostream stream(text);
  int64_t numCols = weights.size();
  for (int64_t begin = 0; begin < numCols; begin += unit) {
    int64_t first = -1;
    for (int64_t col = begin; col < std::min(numCols, begin + unit); ++col) {
      float weight = weights[col];
      if (!std::isfinite(weight)) {
        stream << "element [" << row << ", " << col << "] "
               << (hasCodes             ? "has the code 3, which is no trit"
                   : std::isnan(weight) ? "is not a number"
                                        : "is infinite");
        return text;
      }
      if (weight == 0.0f)
        continue;
      if (first < 0)
        first = col;
      if (std::fabs(weight) == std::fabs(weights[first]))
        continue;
      stream << "element [" << row << ", " << first << "] is "
             << formatNumber(weights[first]) << " but element [" << row << ", "
             << col << "] is " << formatNumber(weight);
      return text;
    }
  }
  // Only blocks of two-bit codes whose every non-zero weight has the invalid
  // one.
  stream << "row " << row << " holds the code 3, which is no trit";
  return text;
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

/// Returns the one non-zero value among magnitudes, 0 if there is none,
/// nothing if there are several.
static std::optional<float> findCommonScale(ArrayRef<float> magnitudes) {
  float scale = 0.0f;
  for (float magnitude : magnitudes) {
    if (magnitude == 0.0f || magnitude == scale)
      continue;
    if (scale != 0.0f)
      return std::nullopt;
    scale = magnitude;
  }
  return scale;
}

/// Writes one scale for each `unitsPerGroup` of the units of a row; returns
/// false if some group has several.
static bool findRowScales(ArrayRef<float> magnitudes, int64_t unitsPerGroup,
                          float *scales) {
  while (!magnitudes.empty()) {
    ArrayRef<float> group = magnitudes.take_front(unitsPerGroup);
    std::optional<float> scale = findCommonScale(group);
    if (!scale)
      return false;
    *scales++ = *scale;
    magnitudes = magnitudes.drop_front(group.size());
  }
  return true;
}

/// Whether every `unitsPerGroup` units of each row have one scale.
static bool haveScales(ArrayRef<float> magnitudes, int64_t unitsPerRow,
                       int64_t unitsPerGroup) {
  std::vector<float> scales(unitsPerRow);
  for (; !magnitudes.empty(); magnitudes = magnitudes.drop_front(unitsPerRow))
    if (!findRowScales(magnitudes.take_front(unitsPerRow), unitsPerGroup,
                       scales.data()))
      return false;
  return true;
}

/// Chooses the coarsest granularity that the magnitudes allow. There always is
/// one, since a group of one unit has one scale.
static void chooseGranularity(ArrayRef<float> magnitudes, int64_t numCols,
                              int64_t unit, TernaryAnalysis &result) {
  int64_t unitsPerRow = divideCeil(numCols, unit);
  result.isTernary = true;
  result.groupSize = numCols;
  if (std::optional<float> scale = findCommonScale(magnitudes)) {
    result.granularity = ScaleGranularity::Tensor;
    result.scale = *scale;
    return;
  }
  if (haveScales(magnitudes, unitsPerRow, unitsPerRow)) {
    result.granularity = ScaleGranularity::Row;
    return;
  }
  result.granularity = ScaleGranularity::Group;
  result.groupSize = 256;
  while (!haveScales(magnitudes, unitsPerRow, result.groupSize / unit))
    result.groupSize /= 2;
}

Expected<TernaryAnalysis> WeightSource::analyzeTernary() const {
  int64_t unitsPerRow = divideCeil(numCols, format->unit);
  std::vector<float> magnitudes(numRows * unitsPerRow);
  TernaryAnalysis result;
  Error error = visitRows(0, numRows, [&](const char *bytes, int64_t row) {
    if (format->findMagnitudes(bytes, numCols, &magnitudes[row * unitsPerRow]))
      return true;
    std::vector<float> decoded(numCols);
    format->decodeFloats(bytes, numCols, decoded.data());
    result.contradiction = describeContradiction(decoded, row, *format);
    return false;
  });
  if (error)
    return std::move(error);
  if (result.contradiction.empty())
    chooseGranularity(magnitudes, numCols, format->unit, result);
  return result;
}

Error WeightSource::decodeScales(int64_t firstRow, int64_t count,
                                 int64_t groupSize, float *out) const {
  if (groupSize <= 0 || (groupSize < numCols && groupSize % format->unit))
    return createStringError(Twine(path) +
                             ": expected a group of a multiple of " +
                             Twine(format->unit) + " columns for " +
                             format->name + ", but got " + Twine(groupSize));
  int64_t unitsPerGroup = divideCeil(groupSize, format->unit);
  int64_t groupsPerRow = divideCeil(numCols, groupSize);
  std::vector<float> magnitudes(divideCeil(numCols, format->unit));
  std::string contradiction;
  Error error = visitRows(firstRow, count, [&](const char *bytes, int64_t row) {
    if (format->findMagnitudes(bytes, numCols, magnitudes.data()) &&
        findRowScales(magnitudes, unitsPerGroup,
                      out + (row - firstRow) * groupsPerRow))
      return true;
    contradiction = ": row " + std::to_string(row) + " of the matrix at byte " +
                    std::to_string(offset) + " is not ternary in groups of " +
                    std::to_string(groupSize);
    return false;
  });
  if (!error && !contradiction.empty())
    return createStringError(path + contradiction);
  return error;
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
        format->decodeFloats(bytes, size, weights.data());
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
        format->decodeFloats(bytes, size, weights.data());
        // Rounding half to even sends exactly 0.5 to 0, and what rounds beyond
        // 1 is clamped: comparing with 0.5 is all that is left.
        for (int64_t i = 0; i < size; ++i) {
          float scaled = weights[i] * multiplier;
          out[index + i] =
              static_cast<int8_t>((scaled > 0.5f) - (scaled < -0.5f));
        }
      });
}
