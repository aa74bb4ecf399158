//===- Schedule.h - Learning rate over a run ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The learning rate of each optimizer step, as Hugging Face's schedulers
// compute it. Separate because it is pure arithmetic that users compare.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_SCHEDULE_H
#define STERNA_RUNTIME_TRAIN_SCHEDULE_H

#include <cstdint>

namespace sterna {

enum class ScheduleKind { constant, cosine, linear };

/// The learning rate of step s, counted from 0, of a run of N steps of which
/// the first W warm up:
///
///   s < W:    peak · s / W
///   constant: peak
///   cosine:   minimum + (peak − minimum) · (1 + cos(π p)) / 2
///   linear:   minimum + (peak − minimum) · (1 − p)
///
/// where p = (s − W) / max(1, N − W). So the first step of a warm-up has rate
/// 0, and the last step of a decay lies one step short of the minimum.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double peak = 0;
  double minimum = 0;
  uint64_t steps = 0;       // N
  uint64_t warmupSteps = 0; // W

  double learningRate(uint64_t step) const;
};

/// Steps of warm-up for a share of the run, rounded up.
uint64_t warmupStepsOf(double ratio, uint64_t steps);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_SCHEDULE_H
