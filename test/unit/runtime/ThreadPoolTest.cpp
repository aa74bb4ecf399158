//===- ThreadPoolTest.cpp - Threads, shares and the barrier ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Run under ThreadSanitizer too: the data here have no lock but the barrier.
//
//===----------------------------------------------------------------------===//

#include "src/core/ThreadPool.h"

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

TEST(ThreadPool, RunsEveryThreadOnce) {
  for (unsigned threads : {0u, 1u, 2u, 5u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool.ok());
    EXPECT_EQ((*pool)->size(), threads == 0 ? 1 : threads);
    std::vector<int> runs((*pool)->size());
    for (int i = 0; i < 200; ++i)
      (*pool)->run(
          [](void *context, unsigned thread) {
            ++(*static_cast<std::vector<int> *>(context))[thread];
          },
          &runs);
    for (int count : runs)
      EXPECT_EQ(count, 200);
  }
}

TEST(ThreadPool, BarrierPublishesWrites) {
  struct Cells {
    ThreadPool &pool;
    std::vector<uint64_t> values;
  };
  for (unsigned threads : {1u, 2u, 4u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool.ok());
    Cells cells{**pool, std::vector<uint64_t>(threads)};
    // Each round, a thread reads its neighbour's value of the round before.
    (*pool)->run(
        [](void *context, unsigned thread) {
          auto &cells = *static_cast<Cells *>(context);
          for (int round = 0; round < 500; ++round) {
            uint64_t other = cells.values[(thread + 1) % cells.pool.size()];
            cells.pool.barrier();
            cells.values[thread] = other + 1;
            cells.pool.barrier();
          }
        },
        &cells);
    for (uint64_t value : cells.values)
      EXPECT_EQ(value, 500u);
  }
}

TEST(ThreadPool, StartsAndStopsOften) {
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(ThreadPool::create(4).ok());
}

TEST(ThreadPool, RefusesAbsurdCounts) {
  EXPECT_FALSE(ThreadPool::create(1000000).ok());
  EXPECT_GE(availableCores(), 1u);
}

} // namespace
