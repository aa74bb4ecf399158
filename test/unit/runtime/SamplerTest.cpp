//===- SamplerTest.cpp - Choosing tokens ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy, filtered and random choices, and logits that are not numbers.
//
//===----------------------------------------------------------------------===//

#include "generate/Sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

using namespace sterna;

namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::set<int32_t> drawn(const SamplerOptions &options,
                        const std::vector<float> &logits, int draws = 500) {
  Sampler sampler(options, uint32_t(logits.size()));
  std::set<int32_t> tokens;
  for (int i = 0; i < draws; ++i) {
    Expected<int32_t> token = sampler.sample(logits.data());
    EXPECT_TRUE(token.ok()) << token.message();
    if (token.ok())
      tokens.insert(*token);
  }
  return tokens;
}

TEST(Sampler, GreedyTakesTheFirstLargest) {
  EXPECT_EQ(drawn({}, {1, 3, 3, 2}), std::set<int32_t>{1});
  EXPECT_EQ(drawn({}, {-infinity, 1, 2}), std::set<int32_t>{2});
}

TEST(Sampler, TopKAndTopPFilter) {
  SamplerOptions options;
  options.temperature = 1;
  EXPECT_EQ(drawn(options, {1, 1, 1, 1}), (std::set<int32_t>{0, 1, 2, 3}));
  options.topK = 2;
  EXPECT_EQ(drawn(options, {0, 1, 0.5, -1}), (std::set<int32_t>{1, 2}));
  options.topK = 0;
  options.topP = 0.6;
  EXPECT_EQ(drawn(options, {1, 1, 1, 1}), (std::set<int32_t>{0, 1, 2}));
  options.topP = 0;
  EXPECT_EQ(drawn(options, {0, 5, 1}), std::set<int32_t>{1});
  options.topK = 100;
  EXPECT_EQ(drawn(options, {0, 5, 1}), std::set<int32_t>{1});
}

TEST(Sampler, FollowsTheDistribution) {
  SamplerOptions options;
  options.temperature = 0.5;
  options.seed = 3;
  // Probabilities 0.2 and 0.8 at temperature 1/2.
  std::vector<float> logits = {0, std::log(2.0f)};
  Sampler sampler(options, 2);
  int ones = 0;
  for (int i = 0; i < 20000; ++i)
    ones += *sampler.sample(logits.data());
  EXPECT_NEAR(ones / 20000.0, 0.8, 0.015);
}

TEST(Sampler, SeedsDecide) {
  std::vector<float> logits(50, 0.0f);
  SamplerOptions options;
  options.temperature = 1;
  auto sequence = [&](uint64_t seed) {
    options.seed = seed;
    Sampler sampler(options, 50);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 20; ++i)
      tokens.push_back(*sampler.sample(logits.data()));
    return tokens;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
}

TEST(Sampler, SurvivesExtremes) {
  SamplerOptions options;
  options.temperature = 1;
  EXPECT_EQ(drawn(options, {-infinity, 0, -infinity}), std::set<int32_t>{1});
  options.temperature = 1e-300;
  EXPECT_EQ(drawn(options, {1e30f, -1e30f}), std::set<int32_t>{0});
}

TEST(Sampler, RefusesWhatGivesNoProbabilities) {
  const std::pair<std::vector<float>, const char *> cases[] = {
      {{nan, 1, 2}, "token 0 is nan"},
      {{2, -nan, 1}, "token 1 is"},
      {{1, 2, nan}, "token 2 is nan"},
      {{nan, nan, nan}, "token 0 is nan"},
      {{0, infinity, 1}, "token 1 is inf"},
      {{-infinity, -infinity, -infinity}, "exclude every token"}};
  for (const auto &[logits, part] : cases)
    for (double temperature : {0.0, 1.0}) {
      SamplerOptions options;
      options.temperature = temperature;
      Sampler sampler(options, 3);
      Expected<int32_t> token = sampler.sample(logits.data());
      ASSERT_FALSE(token.ok()) << part;
      EXPECT_NE(token.message().find(part), std::string::npos)
          << token.message();
    }
}

} // namespace
