//===- ThreadPoolTest.cpp - Threads, shares and the barrier ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Run under ThreadSanitizer too: the data here have no lock but the pool's.
//
//===----------------------------------------------------------------------===//

#include "core/ThreadPool.h"

#include <gtest/gtest.h>

using namespace sterna;

namespace {

TEST(ThreadPool, SharesCoverAllItemsOnce) {
  for (uint32_t count : {0u, 1u, 2u, 7u, 64u, 4294967295u})
    for (unsigned threads : {1u, 2u, 3u, 5u, 64u}) {
      uint32_t next = 0;
      for (unsigned thread = 0; thread < threads; ++thread) {
        Share share = shareOf(count, thread, threads);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.end - share.begin, uint64_t(count) / threads + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
}

/// Grids whose workgroups count how often they ran, without atomics: a second
/// run, or one at the same time, is a fault.
struct Counted {
  std::vector<Grid> grids;
  std::vector<std::vector<uint32_t>> runs;

  explicit Counted(std::vector<Grid> grids) : grids(std::move(grids)) {
    for (const Grid &grid : this->grids)
      runs.emplace_back(grid.workgroups);
  }
  void run(ThreadPool &pool) {
    pool.run(
        grids.data(), uint32_t(grids.size()),
        [](void *context, unsigned, uint32_t grid, uint32_t begin,
           uint32_t end) {
          for (uint32_t i = begin; i != end; ++i)
            ++static_cast<Counted *>(context)->runs[grid][i];
        },
        this);
  }
};

TEST(ThreadPool, RunsEveryWorkgroupOnce) {
  for (unsigned threads : {0u, 1u, 2u, 3u, 5u, 16u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool.ok());
    EXPECT_EQ((*pool)->size(), threads == 0 ? 1 : threads);
    Counted counted(
        {{0}, {1, true}, {7}, {64}, {3}, {0, true}, {1000, true}, {2}, {0}});
    for (uint32_t i = 1; i <= 300; ++i) {
      counted.run(**pool);
      for (const std::vector<uint32_t> &grid : counted.runs)
        ASSERT_EQ(grid, std::vector<uint32_t>(grid.size(), i));
    }
    Counted({}).run(**pool);
  }
}

TEST(ThreadPool, RunsGridsOnEachThreadInOrder) {
  auto pool = ThreadPool::create(3);
  ASSERT_TRUE(pool.ok());
  std::vector<Grid> grids(200, {11});
  uint32_t last[3] = {};
  (*pool)->run(
      grids.data(), uint32_t(grids.size()),
      [](void *context, unsigned thread, uint32_t grid, uint32_t, uint32_t) {
        uint32_t &previous = static_cast<uint32_t *>(context)[thread];
        EXPECT_LE(previous, grid);
        previous = grid;
      },
      last);
}

TEST(ThreadPool, BarrierPublishesWrites) {
  constexpr uint32_t cells = 50;
  struct State {
    std::vector<uint64_t> values[2];
  };
  for (unsigned threads : {1u, 2u, 4u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool.ok());
    State state{{std::vector<uint64_t>(cells), std::vector<uint64_t>(cells)}};
    // Each round, a cell reads its neighbour of the round before.
    std::vector<Grid> grids(501, {cells, true});
    (*pool)->run(
        grids.data(), uint32_t(grids.size()),
        [](void *context, unsigned, uint32_t grid, uint32_t begin,
           uint32_t end) {
          auto &state = *static_cast<State *>(context);
          for (uint32_t i = begin; i != end; ++i)
            state.values[grid % 2][i] =
                state.values[(grid + 1) % 2][(i + 1) % cells] + 1;
        },
        &state);
    for (uint64_t value : state.values[0])
      EXPECT_EQ(value, 501u);
  }
}

TEST(ThreadPool, OthersDoTheWorkOfALateThread) {
  auto pool = ThreadPool::create(2);
  ASSERT_TRUE(pool.ok());
  // The thread that runs the first workgroup stays there until all others ran,
  // which were its own in part.
  constexpr uint32_t count = 32;
  struct State {
    std::atomic<uint32_t> others{0};
  } state;
  Grid grid{count};
  (*pool)->run(
      &grid, /*count=*/1,
      [](void *context, unsigned, uint32_t, uint32_t begin, uint32_t end) {
        auto &state = *static_cast<State *>(context);
        if (begin != 0) {
          state.others += end - begin;
          return;
        }
        while (state.others != count - end)
          std::this_thread::yield();
      },
      &state);
  EXPECT_GE(state.others, count / 2);
}

TEST(ThreadPool, StartsAndStopsOften) {
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(ThreadPool::create(4).ok());
}

TEST(ThreadPool, RefusesAbsurdCounts) {
  EXPECT_FALSE(ThreadPool::create(1000000).ok());
}

} // namespace
