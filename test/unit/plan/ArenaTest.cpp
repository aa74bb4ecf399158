//===- ArenaTest.cpp - Offsets from live ranges ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares placement with the plainest form of the greedy algorithm and with
// the bytes that are alive, and asks for what must hold of any.
//
//===----------------------------------------------------------------------===//

#include "Arena.h"

#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <chrono>
#include <random>

using namespace sterna::plan;

namespace {

bool shareStep(const LiveRange &x, const LiveRange &y) {
  return x.first <= y.last && y.first <= x.last;
}

/// Greedy by size, range against range.
int64_t placePlainly(std::vector<LiveRange> &ranges) {
  std::vector<LiveRange *> order;
  for (LiveRange &range : ranges)
    order.push_back(&range);
  std::stable_sort(order.begin(), order.end(),
                   [](const LiveRange *x, const LiveRange *y) {
                     return x->bytes > y->bytes;
                   });
  int64_t total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    std::vector<const LiveRange *> competing;
    for (size_t j = 0; j < i; ++j)
      if (shareStep(*order[i], *order[j]))
        competing.push_back(order[j]);
    std::sort(competing.begin(), competing.end(),
              [](const LiveRange *x, const LiveRange *y) {
                return x->offset < y->offset;
              });
    int64_t offset = 0;
    for (const LiveRange *other : competing) {
      if (offset + order[i]->bytes <= other->offset)
        break;
      int64_t end = other->offset + other->bytes;
      offset = std::max<int64_t>(offset, llvm::alignTo(end, bufferAlignment));
    }
    order[i]->offset = offset;
    total = std::max(total, offset + order[i]->bytes);
  }
  return llvm::alignTo(total, bufferAlignment);
}

/// Ranges of few or many sizes that live for at most `longest` steps.
std::vector<LiveRange> randomRanges(std::mt19937 &random, int64_t count,
                                    int64_t steps, int64_t longest,
                                    int64_t sizes) {
  auto draw = [&](int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random);
  };
  std::vector<LiveRange> ranges;
  for (int64_t i = 0; i < count; ++i) {
    int64_t first = draw(0, steps - 1);
    int64_t last = std::min(steps - 1, first + draw(0, longest));
    ranges.push_back({draw(0, sizes) * draw(1, 100), first, last});
  }
  return ranges;
}

TEST(Arena, IsEmptyWithoutRanges) {
  std::vector<LiveRange> none;
  EXPECT_EQ(placeInArena(none), 0);
}

/// The most bytes in a step, step by step.
int64_t countMostLive(const std::vector<LiveRange> &ranges, int64_t steps) {
  int64_t most = 0;
  for (int64_t step = 0; step < steps; ++step) {
    int64_t live = 0;
    for (const LiveRange &range : ranges)
      if (range.first <= step && step <= range.last)
        live += llvm::alignTo(range.bytes, bufferAlignment);
    most = std::max(most, live);
  }
  return most;
}

TEST(Arena, IsBetweenWhatIsAliveAndThePlainAlgorithm) {
  std::mt19937 random(1);
  int better = 0;
  for (int round = 0; round < 120; ++round) {
    int64_t count = 1 + random() % 120, steps = 1 + random() % 70;
    std::vector<LiveRange> ranges =
        randomRanges(random, count, steps, /*longest=*/1 + random() % steps,
                     /*sizes=*/round % 2 ? 3 : 5000);
    std::vector<LiveRange> plain = ranges;
    int64_t greedy = placePlainly(plain), total = placeInArena(ranges);
    ASSERT_EQ(getMostLiveBytes(ranges), countMostLive(ranges, steps));
    ASSERT_GE(total, getMostLiveBytes(ranges)) << "round " << round;
    ASSERT_LE(total, greedy) << "round " << round;
    better += total < greedy;
  }
  EXPECT_GT(better, 40);
}

TEST(Arena, PlacesAsThePlainAlgorithmWhereThatIsBest) {
  // What lives in all steps and what follows each other: the first order is the
  // last that is tried.
  std::vector<LiveRange> ranges = {
      {640, 0, 9}, {64, 0, 3}, {128, 4, 9}, {128, 0, 3}, {64, 4, 9}};
  std::vector<LiveRange> plain = ranges;
  ASSERT_EQ(placeInArena(ranges), placePlainly(plain));
  for (size_t i = 0; i < ranges.size(); ++i)
    EXPECT_EQ(ranges[i].offset, plain[i].offset) << "range " << i;
}

TEST(Arena, KeepsApartWhatLivesTogether) {
  std::mt19937 random(2);
  std::vector<LiveRange> ranges = randomRanges(
      random, /*count=*/600, /*steps=*/400, /*longest=*/300, /*sizes=*/50);
  int64_t total = placeInArena(ranges);
  for (const LiveRange &x : ranges) {
    EXPECT_EQ(x.offset % bufferAlignment, 0);
    EXPECT_LE(x.offset + x.bytes, total);
    for (const LiveRange &y : ranges) {
      bool apart =
          x.offset + x.bytes <= y.offset || y.offset + y.bytes <= x.offset;
      EXPECT_TRUE(&x == &y || !shareStep(x, y) || apart ||
                  x.bytes * y.bytes == 0);
    }
  }
}

/// A forward and a backward pass that keep everything: what is computed first
/// is needed last.
double secondsOfNest(int64_t depth) {
  std::vector<LiveRange> ranges;
  for (int64_t i = 0; i < depth; ++i) {
    ranges.push_back({1000 + i % 7 * 64, i, 2 * depth - i});
    ranges.push_back({700 + i % 5 * 64, 2 * depth - i, 2 * depth - i + 1});
  }
  auto begin = std::chrono::steady_clock::now();
  placeInArena(ranges);
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  return time.count();
}

TEST(Arena, TakesNoSquareOfTheLength) {
  // Sixteen times as long a program; the square would be 256. The least of
  // three, for the machine may be busy.
  double small = 1, large = 100;
  for (int i = 0; i < 3; ++i) {
    small = std::min(small, secondsOfNest(2000));
    large = std::min(large, secondsOfNest(32000));
  }
  EXPECT_LT(large, 64 * small);
}

} // namespace
