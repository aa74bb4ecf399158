//===- Rotation.cpp - Rotary embedding from its numbers -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Rotation.h.
//
//===----------------------------------------------------------------------===//

#include "Rotation.h"

#include "../../RotaryEmbedding.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

static Error fail(const Twine &reason) {
  return createStringError("expected rotary embedding: " + reason);
}

/// The pair of element `d` of heads of which `rotated` elements are.
static int64_t pairOf(int64_t d, int64_t rotated, bool isInterleaved) {
  return isInterleaved ? d / 2 : d % (rotated / 2);
}

static int64_t partnerOf(int64_t d, int64_t rotated, bool isInterleaved) {
  if (isInterleaved)
    return d ^ 1;
  return d < rotated / 2 ? d + rotated / 2 : d - rotated / 2;
}

Expected<Rotation>
sterna::readRotation(int64_t size, ArrayRef<int64_t> positions,
                     function_ref<RotatedElement(int64_t t, int64_t d)> get) {
  Rotation rotation;
  rotation.factor = get(0, 0).self;
  int64_t partner = get(1, 0).partner;
  if (!(rotation.factor > 0))
    return fail("at position 0 a head is not what it was");
  if (partner < 1)
    return fail("its first elements do not depend on the position");
  rotation.isInterleaved = partner == 1 && size > 2;
  // Elements beyond those that are rotated stay as they are.
  int64_t rotated = size;
  while (rotated > 2 && get(1, rotated - 1).partner < 0)
    rotated -= rotation.isInterleaved ? 2 : 1;
  if (rotated % 2 || (!rotation.isInterleaved && partner != rotated / 2))
    return fail("its pairs are neither neighbours nor of two halves");
  for (int64_t pair = 0; pair < rotated / 2; ++pair) {
    RotatedElement first = get(1, rotation.isInterleaved ? 2 * pair : pair);
    rotation.frequencies.push_back(std::atan2(-first.other, first.self));
    if (!(rotation.frequencies.back() > 0))
      return fail("pair " + Twine(pair) + " does not turn forwards");
  }
  for (int64_t t : positions)
    for (int64_t d = 0; d < size; ++d) {
      RotatedElement element = get(t, d);
      double frequency = 0, sign = 1;
      if (d < rotated) {
        int64_t other = partnerOf(d, rotated, rotation.isInterleaved);
        frequency =
            rotation.frequencies[pairOf(d, rotated, rotation.isInterleaved)];
        sign = d < other ? -1 : 1;
        if (element.partner >= 0 && element.partner != other)
          return fail("its pairs are not the same at every position");
      }
      // Tables of f32 are as exact as an angle in f32.
      double angle = frequency * double(t);
      double tolerance = (1e-5 + 1e-6 * double(t)) * rotation.factor;
      double self = rotation.factor * std::cos(angle);
      double other = rotation.factor * sign * std::sin(angle);
      if (std::abs(element.self - self) > tolerance ||
          std::abs(element.other - other) > tolerance)
        return fail("its angles are not in proportion to the position");
    }
  return rotation;
}

/// Whether all of `frequencies` are powers of `theta` to the accuracy of f32.
static bool arePowers(const std::vector<double> &frequencies, double theta) {
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double power = std::pow(theta, -double(i) / double(frequencies.size()));
    if (std::abs(frequencies[i] - power) > 5e-7 * power)
      return false;
  }
  return true;
}

/// The base that they are powers of, of as few digits as will do; 0 for none.
static double findBase(const std::vector<double> &frequencies) {
  size_t count = frequencies.size();
  if (count < 2 || !(frequencies[1] > 0))
    return 0;
  double theta =
      std::pow(frequencies.back(), -double(count) / double(count - 1));
  if (!std::isfinite(theta) || theta <= 1)
    return 0;
  for (int digits = 1; digits <= 7; ++digits) {
    double unit = std::pow(10, std::floor(std::log10(theta)) - digits + 1);
    double rounded = std::round(theta / unit) * unit;
    if (arePowers(frequencies, rounded))
      return rounded;
  }
  return 0;
}

void sterna::setFrequencies(ModelDescription &model,
                            const std::vector<double> &frequencies) {
  int64_t rotated = 2 * int64_t(frequencies.size());
  if (double theta = findBase(frequencies); theta != 0) {
    setRopeAngles(model, theta, rotated, {});
    return;
  }
  constexpr double theta = 1e4;
  RopeScaling scaling;
  scaling.kind = RopeScalingKind::Divisors;
  for (size_t i = 0; i < frequencies.size(); ++i)
    scaling.divisors.push_back(
        std::pow(theta, -double(i) / double(frequencies.size())) /
        frequencies[i]);
  setRopeAngles(model, theta, rotated, scaling);
  model.ropeFrequencies = frequencies;
}
