//===- ScheduleTest.cpp - Learning rates ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of each formula, and runs shorter than their warm-up.
//
//===----------------------------------------------------------------------===//

#include "train/Schedule.h"
#include "train/Trainer.h"

#include <gtest/gtest.h>

using namespace sterna;

namespace {

TEST(Schedule, WarmsUpFromZero) {
  for (ScheduleKind kind :
       {ScheduleKind::constant, ScheduleKind::cosine, ScheduleKind::linear}) {
    Schedule schedule{kind, /*peak=*/2, /*minimum=*/1, /*steps=*/10,
                      /*warmupSteps=*/4};
    EXPECT_DOUBLE_EQ(schedule.learningRate(0), 0);
    EXPECT_DOUBLE_EQ(schedule.learningRate(1), 0.5);
    EXPECT_DOUBLE_EQ(schedule.learningRate(4), 2);
  }
}

TEST(Schedule, Decays) {
  Schedule cosine{ScheduleKind::cosine, 3, 1, 10, 0};
  EXPECT_DOUBLE_EQ(cosine.learningRate(0), 3);
  EXPECT_DOUBLE_EQ(cosine.learningRate(5), 2);
  EXPECT_DOUBLE_EQ(cosine.learningRate(10), 1);
  EXPECT_DOUBLE_EQ(cosine.learningRate(99), 1);
  Schedule linear{ScheduleKind::linear, 3, 1, 10, 0};
  EXPECT_DOUBLE_EQ(linear.learningRate(5), 2);
  EXPECT_DOUBLE_EQ(linear.learningRate(9), 1.2);
  Schedule constant{ScheduleKind::constant, 3, 1, 10, 0};
  EXPECT_DOUBLE_EQ(constant.learningRate(9), 3);
}

TEST(Schedule, AcceptsWarmUpBeyondTheRun) {
  Schedule schedule{ScheduleKind::cosine, 2, 0, 3, 10};
  EXPECT_DOUBLE_EQ(schedule.learningRate(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule.learningRate(10), 2);
}

TEST(Schedule, CountsSteps) {
  EXPECT_EQ(warmupStepsOf(0.1, 25), 3u);
  EXPECT_EQ(warmupStepsOf(0, 25), 0u);
  EXPECT_EQ(warmupStepsOf(1, 25), 25u);
  EXPECT_EQ(warmupStepsOf(1, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(stepsPerEpoch(7, 2, 3), 2u);
  EXPECT_EQ(stepsPerEpoch(1, 2, 3), 1u);
}

} // namespace
