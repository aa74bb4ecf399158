//===- RotaryEmbedding.cpp - Angles of rotary embedding -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RotaryEmbedding.h.
//
//===----------------------------------------------------------------------===//

#include "RotaryEmbedding.h"

#include <algorithm>
#include <cmath>

using namespace sterna;

/// Turns, in radians, of a whole circle.
static constexpr double circle = 2 * 3.14159265358979323846;

static double scaleAsLlama3(double frequency, const RopeScaling &scaling) {
  double turns = scaling.originalContext * frequency / circle;
  double low = scaling.lowFrequencyFactor, high = scaling.highFrequencyFactor;
  if (turns > high)
    return frequency;
  if (turns < low)
    return frequency / scaling.factor;
  double kept = (turns - low) / (high - low);
  return (1 - kept) * frequency / scaling.factor + kept * frequency;
}

/// The pair, as a real number, that makes `turns` turns within the original
/// context.
static double findPair(double turns, double theta, double rotated,
                       const RopeScaling &scaling) {
  return rotated * std::log(scaling.originalContext / (turns * circle)) /
         (2 * std::log(theta));
}

static void scaleAsYaRN(std::vector<double> &frequencies, double theta,
                        double rotated, const RopeScaling &scaling) {
  double first = findPair(scaling.betaFast, theta, rotated, scaling);
  double last = findPair(scaling.betaSlow, theta, rotated, scaling);
  if (scaling.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, rotated - 1);
  double width = std::max(last - first, 0.001);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double blend = std::clamp((double(i) - first) / width, 0.0, 1.0);
    frequencies[i] =
        frequencies[i] / scaling.factor * blend + frequencies[i] * (1 - blend);
  }
}

double sterna::getYaRNAmplitude(double factor, double weight) {
  return factor > 1 ? 0.1 * weight * std::log(factor) + 1 : 1;
}

void sterna::setRopeAngles(ModelDescription &model, double theta,
                           int64_t rotated, const RopeScaling &scaling) {
  model.ropeTheta = theta;
  model.ropeDim = rotated;
  model.ropeScaling = scaling;
  std::vector<double> &frequencies = model.ropeFrequencies;
  int64_t pairs = rotated / 2;
  for (int64_t i = 0; i < pairs; ++i)
    frequencies.push_back(std::pow(theta, -double(i) / double(pairs)));
  switch (scaling.kind) {
  case RopeScalingKind::None:
    break;
  case RopeScalingKind::Linear:
    for (double &frequency : frequencies)
      frequency /= scaling.factor;
    break;
  case RopeScalingKind::Llama3:
    for (double &frequency : frequencies)
      frequency = scaleAsLlama3(frequency, scaling);
    break;
  case RopeScalingKind::YaRN:
    scaleAsYaRN(frequencies, theta, double(rotated), scaling);
    model.ropeAmplitude =
        scaling.amplitude.value_or(getYaRNAmplitude(scaling.factor));
    break;
  case RopeScalingKind::Divisors:
    for (size_t i = 0; i < frequencies.size(); ++i)
      frequencies[i] /= scaling.divisors[i];
    break;
  }
}
