//===- BatcherTest.cpp - Unit tests of text/Batcher.h ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Order, padding and coverage of batches. The numbers of the generator are
// pinned: a seed must mean the same order for ever and everywhere.
//
//===----------------------------------------------------------------------===//

#include "text/Batcher.h"

#include "random/SplitMix64.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace sterna {
namespace {

using Ids = std::vector<int32_t>;

std::vector<Sample> numberedSamples(int32_t count) {
  std::vector<Sample> samples;
  for (int32_t i = 0; i < count; ++i)
    samples.push_back({{i, 1, 2}, {i, 1, maskedLabel}});
  return samples;
}

/// First tokens of the samples of an epoch, in order.
Ids orderOf(Batcher &batcher, uint64_t epoch) {
  Ids order;
  Batch batch;
  for (uint64_t i = 0; i < batcher.batchesPerEpoch(); ++i) {
    batcher.fill(epoch, i, batch);
    size_t columns = batch.tokens.size() / 4;
    for (size_t at = 0; at < batch.tokens.size(); at += columns)
      if (batch.segments[at] >= 0)
        order.push_back(batch.tokens[at]);
  }
  return order;
}

BatchOptions fourRows() {
  BatchOptions options;
  options.batch = 4;
  options.sequenceLength = 5;
  options.padToken = 7;
  return options;
}

TEST(SplitMix64Test, KnownSequence) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(SplitMix64Test, BelowStaysBelow) {
  SplitMix64 random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i)
    seen.insert(random.below(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(SplitMix64Test, PlacesAreUnrelated) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 10; ++seed)
    for (uint64_t step = 0; step < 10; ++step)
      for (uint64_t part = 0; part < 10; ++part)
        seen.insert(SplitMix64::at({seed, step, part}).next());
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(SplitMix64::at({7, 3}).next(), SplitMix64::at({7, 3}).next());
  EXPECT_NE(SplitMix64::at({7, 3}).next(), SplitMix64::at({3, 7}).next());
}

TEST(BatcherTest, EveryEpochHoldsEverySampleOnce) {
  for (int32_t count : {1, 3, 4, 5, 17}) {
    std::vector<Sample> samples = numberedSamples(count);
    Batcher batcher(samples, fourRows());
    EXPECT_EQ(batcher.batchesPerEpoch(),
              static_cast<uint64_t>((count + 3) / 4));
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      Ids order = orderOf(batcher, epoch);
      std::sort(order.begin(), order.end());
      for (int32_t i = 0; i < count; ++i)
        EXPECT_EQ(order[static_cast<size_t>(i)], i);
    }
  }
}

TEST(BatcherTest, OrderDependsOnSeedAndEpochAlone) {
  std::vector<Sample> samples = numberedSamples(17);
  Batcher batcher(samples, fourRows());
  Ids first = orderOf(batcher, 0);
  Ids second = orderOf(batcher, 1);
  EXPECT_NE(first, second);
  Batcher resumed(samples, fourRows());
  EXPECT_EQ(orderOf(resumed, 1), second) << "epochs need no replay";
  BatchOptions other = fourRows();
  other.seed = 43;
  Batcher reseeded(samples, other);
  EXPECT_NE(orderOf(reseeded, 0), first);
}

TEST(BatcherTest, WithoutShuffleTheOrderIsTheFiles) {
  std::vector<Sample> samples = numberedSamples(6);
  BatchOptions options = fourRows();
  options.shuffle = false;
  Batcher batcher(samples, options);
  EXPECT_EQ(orderOf(batcher, 0), (Ids{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(orderOf(batcher, 9), (Ids{0, 1, 2, 3, 4, 5}));
}

TEST(BatcherTest, PadsAndMasks) {
  std::vector<Sample> samples = numberedSamples(1);
  Batcher batcher(samples, fourRows());
  Batch batch;
  batcher.fill(0, 0, batch);
  Ids tokens(20, 7), labels(20, maskedLabel);
  tokens[0] = labels[0] = 0;
  tokens[1] = labels[1] = 1;
  tokens[2] = 2;
  EXPECT_EQ(batch.tokens, tokens);
  EXPECT_EQ(batch.labels, labels);
  EXPECT_EQ(batch.segments[2], 0);
  EXPECT_EQ(batch.segments[3], -1);
  EXPECT_EQ(batch.realTokens, 3u);
  EXPECT_EQ(batch.trainedTokens, 1u) << "column 0 is never scored";
}

TEST(BatcherTest, PacksSamplesWithTheirPositions) {
  std::vector<Sample> samples = {{{10, 11}, {10, 11}},
                                 {{20, 21, 22, 23}, {20, 21, 22, 23}},
                                 {{30, 31, 32}, {30, 31, 32}}};
  BatchOptions options = fourRows();
  options.batch = 2;
  options.shuffle = false;
  options.pack = true;
  Batcher batcher(samples, options);
  EXPECT_EQ(batcher.batchesPerEpoch(), 1u);
  Batch batch;
  batcher.fill(0, 0, batch);
  EXPECT_EQ(batch.tokens, (Ids{10, 11, 30, 31, 32, 20, 21, 22, 23, 7}));
  EXPECT_EQ(batch.labels,
            (Ids{10, 11, maskedLabel, 31, 32, 20, 21, 22, 23, maskedLabel}));
  EXPECT_EQ(batch.positions, (Ids{0, 1, 0, 1, 2, 0, 1, 2, 3, 4}));
  EXPECT_EQ(batch.segments, (Ids{0, 0, 1, 1, 1, 0, 0, 0, 0, -1}));
  EXPECT_EQ(batch.realTokens, 9u);
  EXPECT_EQ(batch.trainedTokens, 6u);
}

TEST(BatcherTest, PackedEpochsHoldEverySampleOnce) {
  std::vector<Sample> samples;
  SplitMix64 random(3);
  for (int32_t i = 0; i < 100; ++i)
    samples.push_back({Ids(1 + random.below(5), i), Ids(5, i)});
  for (Sample &sample : samples)
    sample.labels.resize(sample.tokens.size());
  BatchOptions options = fourRows();
  options.pack = true;
  Batcher batcher(samples, options);
  Batch batch;
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<size_t> found(samples.size());
    for (uint64_t i = 0; i < batcher.batchesPerEpoch(); ++i) {
      batcher.fill(epoch, i, batch);
      for (size_t at = 0; at < batch.tokens.size(); ++at)
        if (batch.segments[at] >= 0)
          ++found[size_t(batch.tokens[at])];
    }
    for (size_t i = 0; i < samples.size(); ++i)
      EXPECT_EQ(found[i], samples[i].tokens.size());
  }
}

TEST(BatcherTest, ShuffleIsPinned) {
  EXPECT_EQ(shuffledOrder(0, SplitMix64(42)), std::vector<uint64_t>());
  EXPECT_EQ(shuffledOrder(8, SplitMix64(42)),
            (std::vector<uint64_t>{3, 1, 6, 2, 4, 0, 7, 5}));
}

} // namespace
} // namespace sterna
