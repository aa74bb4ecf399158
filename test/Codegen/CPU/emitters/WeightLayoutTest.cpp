//===- WeightLayoutTest.cpp - The cost model of weight layouts ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the model must say where the answer is known: bytes alone, instructions
// alone, and names. Whether its figures are right is measured
// (docs/performance.md).
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/WeightLayout.h"

#include <gtest/gtest.h>

using namespace sterna::cpu;

namespace {

/// One-token cost in base 3 relative to that of two bits.
double base3Ratio(const Level &level, CoreRates rates) {
  return estimateCost(getWeightLayouts()[1], level, rates).oneToken /
         estimateCost(getWeightLayouts()[0], level, rates).oneToken;
}

TEST(WeightLayout, BytesAlone) {
  for (const Level &level : getLevels())
    EXPECT_NEAR(base3Ratio(level, {0.1, 4}), 0.8, 1e-9) << level.name.str();
}

TEST(WeightLayout, InstructionsAlone) {
  for (const Level &level : getLevels()) {
    EXPECT_GT(base3Ratio(level, {1e9, 4}), 1.2) << level.name.str();
    for (const WeightLayout &layout : getWeightLayouts()) {
      LayoutCost cost = estimateCost(layout, level, {});
      EXPECT_LT(cost.manyTokens, cost.oneToken) << level.name.str();
    }
  }
}

TEST(WeightLayout, Names) {
  EXPECT_EQ(chooseWeightLayout("2bit", {}, {})->columns, 16);
  EXPECT_EQ(chooseWeightLayout("base3", {}, {})->columns, 20);
  EXPECT_EQ(chooseWeightLayout("auto", {}, {})->name, "2bit");
  EXPECT_EQ(chooseWeightLayout("3bit", {}, {}), nullptr);
  EXPECT_EQ(chooseWeightLayout("", {}, {}), nullptr);
}

TEST(WeightLayout, AutoByRates) {
  const Level *level = findLevel("x86-64-v3");
  EXPECT_EQ(chooseWeightLayout("auto", level, {})->name, "2bit");
  EXPECT_EQ(chooseWeightLayout("auto", level, {1.7, 4})->name, "base3");
}

} // namespace
