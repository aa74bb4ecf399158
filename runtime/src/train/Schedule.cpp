//===- Schedule.cpp - Learning rate over a run ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Schedule.h.
//
//===----------------------------------------------------------------------===//

#include "train/Schedule.h"

#include <algorithm>
#include <cmath>

using namespace sterna;

double Schedule::learningRate(uint64_t step) const {
  constexpr double pi = 3.14159265358979323846;
  if (step < warmupSteps)
    return peak * double(step) / double(warmupSteps);
  uint64_t decay = steps > warmupSteps ? steps - warmupSteps : 1;
  double progress = std::min(1.0, double(step - warmupSteps) / double(decay));
  switch (kind) {
  case ScheduleKind::constant:
    return peak;
  case ScheduleKind::cosine:
    return minimum + (peak - minimum) * 0.5 * (1 + std::cos(pi * progress));
  case ScheduleKind::linear:
    return minimum + (peak - minimum) * (1 - progress);
  }
  return peak;
}

uint64_t sterna::warmupStepsOf(double ratio, uint64_t steps) {
  // Of counts that a double rounds up, the conversion back could overflow.
  double warmup = std::ceil(ratio * double(steps));
  return warmup < double(steps) ? uint64_t(warmup) : steps;
}
