//===- PackingTest.cpp - Unit tests of text/Packing.h ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/Packing.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

using Numbers = std::vector<uint64_t>;

std::vector<Sample> samplesOf(std::initializer_list<size_t> lengths) {
  std::vector<Sample> samples;
  for (size_t length : lengths)
    samples.push_back(
        {std::vector<int32_t>(length), std::vector<int32_t>(length)});
  return samples;
}

TEST(PackingTest, OneForEach) {
  Packing packing = packNone(3);
  EXPECT_EQ(packing.samples, (Numbers{0, 1, 2}));
  EXPECT_EQ(packing.ends, (Numbers{1, 2, 3}));
  EXPECT_EQ(packNone(0).sequences(), 0u);
}

TEST(PackingTest, BestFitDecreasing) {
  // The 7 has room for the 3, the 5 for the first 4 and the 1; the other 4
  // stays alone.
  Packing packing = packSamples(samplesOf({4, 5, 1, 3, 7, 4}), 10);
  EXPECT_EQ(packing.samples, (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(packing.ends, (Numbers{3, 5, 6}));
}

TEST(PackingTest, TheFullestWithRoomTakesIt) {
  // Rooms of 2 and 4 are there for the 2.
  Packing packing = packSamples(samplesOf({6, 8, 2}), 10);
  EXPECT_EQ(packing.samples, (Numbers{0, 1, 2}));
  EXPECT_EQ(packing.ends, (Numbers{1, 3}));
}

TEST(PackingTest, FullSequencesStayAlone) {
  Packing packing = packSamples(samplesOf({5, 5, 5}), 5);
  EXPECT_EQ(packing.ends, (Numbers{1, 2, 3}));
  EXPECT_EQ(packSamples({}, 5).sequences(), 0u);
}

} // namespace
} // namespace sterna
