//===- LanguageModelTest.cpp - Prompts, cache and logits ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The toy model predicts the sum of all tokens, so that wrong positions show.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "generate/LanguageModel.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace sterna;
using namespace sterna::test;

namespace {

std::vector<uint32_t> lengths(const std::vector<PromptChunk> &plan) {
  std::vector<uint32_t> result;
  for (const PromptChunk &chunk : plan)
    result.push_back(chunk.tokens);
  return result;
}

std::vector<uint32_t> plan(uint32_t count, uint32_t position = 0,
                           uint32_t context = 4096) {
  auto result = planPrompt({1, 16, 128}, count, position, context);
  EXPECT_TRUE(result.ok()) << result.message();
  return result.ok() ? lengths(*result) : std::vector<uint32_t>();
}

TEST(PromptPlan, ChoosesTheCheapestLengths) {
  using List = std::vector<uint32_t>;
  EXPECT_EQ(plan(0), List{});
  EXPECT_EQ(plan(1), List{1});
  EXPECT_EQ(plan(2), (List{1, 1}));
  EXPECT_EQ(plan(5), List{16});
  EXPECT_EQ(plan(16), List{16});
  EXPECT_EQ(plan(100), List{128});
  EXPECT_EQ(plan(128), List{128});
  EXPECT_EQ(plan(260), (List{128, 128, 16}));
}

TEST(PromptPlan, CoversEveryCountWithinTheContext) {
  for (uint32_t context : {1u, 17u, 130u, 300u})
    for (uint32_t position = 0; position <= context; position += 13)
      for (uint32_t count = 0; position + count <= context; ++count) {
        auto result = planPrompt({16, 128, 1}, count, position, context);
        ASSERT_TRUE(result.ok());
        uint32_t at = position;
        for (const PromptChunk &chunk : *result) {
          EXPECT_GE(chunk.length, 1u);
          EXPECT_LE(chunk.length, chunk.tokens);
          EXPECT_LE(at + chunk.tokens, context);
          at += chunk.length;
        }
        EXPECT_EQ(at, position + count);
      }
}

TEST(PromptPlan, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(planPrompt({1}, 5, 0, 4).ok());
  EXPECT_FALSE(planPrompt({1}, 1, 4, 4).ok());
  EXPECT_FALSE(planPrompt({1}, UINT32_MAX, UINT32_MAX, 4).ok());
  EXPECT_FALSE(planPrompt({16}, 5, 0, 8).ok());
  EXPECT_FALSE(planPrompt({}, 5, 0, 8).ok());
}

class LanguageModelTest : public testing::Test {
protected:
  void create(bool lora, float scale) {
    module = loadValid(toyModel());
    ASSERT_TRUE(module);
    auto made =
        Session::create(module, generatePrograms(*module, lora), onCpu(2));
    ASSERT_TRUE(made.ok()) << made.message();
    session = std::move(*made);
    auto created = LanguageModel::create(*session, lora, scale);
    ASSERT_TRUE(created.ok()) << created.message();
    model.emplace(std::move(*created));
  }

  static int32_t best(const float *logits) {
    return int32_t(std::max_element(logits, logits + test::vocabulary) -
                   logits);
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Session> session;
  std::optional<LanguageModel> model;
};

TEST_F(LanguageModelTest, GivesLogitsOfEveryRow) {
  create(/*lora=*/false, 0);
  std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7};
  std::vector<int32_t> found;
  Status status =
      model->appendWithLogits(tokens.data(), uint32_t(tokens.size()),
                              [&](uint32_t row, const float *logits) {
                                EXPECT_EQ(row, found.size());
                                found.push_back(best(logits));
                              });
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(found, (std::vector<int32_t>{1, 3, 6, 10, 15, 5, 12}));
}

TEST_F(LanguageModelTest, ContinuesFromItsCache) {
  create(/*lora=*/false, 0);
  EXPECT_FALSE(model->logits().ok());
  std::vector<int32_t> tokens = {1, 2, 3};
  ASSERT_TRUE(model->append(tokens.data(), 3).ok());
  for (int32_t expected : {6, 12, 8, 0}) {
    auto logits = model->logits();
    ASSERT_TRUE(logits.ok());
    int32_t next = best(*logits);
    EXPECT_EQ(next, expected);
    ASSERT_TRUE(model->append(&next, 1).ok());
  }
  EXPECT_EQ(model->position(), 7u);
  model->reset();
  ASSERT_TRUE(model->append(tokens.data(), 1).ok());
  EXPECT_EQ(best(*model->logits()), 1);
}

TEST_F(LanguageModelTest, PassesTheScaleOfAnAdapter) {
  create(/*lora=*/true, 2);
  int32_t token = 3;
  ASSERT_TRUE(model->append(&token, 1).ok());
  auto logits = model->logits();
  ASSERT_TRUE(logits.ok());
  EXPECT_EQ(best(*logits), 5);
}

TEST_F(LanguageModelTest, RefusesBadTokensAndFullContexts) {
  create(/*lora=*/false, 0);
  std::vector<int32_t> tokens = {1, -1};
  EXPECT_FALSE(model->append(tokens.data(), 2).ok());
  tokens[1] = int32_t(test::vocabulary);
  EXPECT_FALSE(model->append(tokens.data(), 2).ok());
  EXPECT_FALSE(model->append(tokens.data(), 0).ok());
  std::vector<int32_t> many(test::context + 1, 1);
  EXPECT_FALSE(model->append(many.data(), test::context + 1).ok());
  EXPECT_EQ(model->position(), 0u);
  EXPECT_TRUE(model->append(many.data(), test::context).ok());
  EXPECT_FALSE(model->append(many.data(), 1).ok());
}

} // namespace
