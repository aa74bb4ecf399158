//===- GeneratorTest.cpp - The generation loop ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stop strings on all ways to cut a text, and the toy model, whose next token
// is the sum of all tokens so far, modulo its vocabulary.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "generate/Generator.h"
#include "generate/NgramDraft.h"
#include "random/SplitMix64.h"
#include "text/MakeTokenizer.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace sterna;
using namespace sterna::test;

namespace {

/// What StopStrings must show of a whole text.
std::string expectedText(const std::string &text,
                         const std::vector<std::string> &stops, bool &found) {
  size_t first = std::string::npos;
  for (const std::string &stop : stops)
    first = std::min(first, text.find(stop));
  found = first != std::string::npos;
  return text.substr(0, first);
}

TEST(StopStrings, FindsTheFirstHoweverTextIsCut) {
  const std::vector<std::vector<std::string>> lists = {
      {},       {"a"},          {"ab", "ba"}, {"aab"},
      {"abab"}, {"bb", "aaba"}, {"b", "ab"},  {"aaaa"}};
  SplitMix64 random(1);
  for (const std::vector<std::string> &stops : lists)
    for (int round = 0; round < 200; ++round) {
      std::string text, shown;
      StopStrings search(stops);
      bool done = false;
      while (text.size() < 12) {
        std::string piece;
        for (uint64_t i = random.below(4); i > 0; --i)
          piece += char('a' + random.below(2));
        text += piece;
        shown += search.push(piece);
        bool found;
        std::string expected = expectedText(text, stops, found);
        // Nothing is shown too early or held for ever.
        EXPECT_EQ(expected.compare(0, shown.size(), shown), 0);
        EXPECT_EQ(search.found(), found);
        if (found && !done)
          EXPECT_EQ(shown, expected);
        done |= found;
      }
      shown += search.finish();
      bool found;
      EXPECT_EQ(shown, expectedText(text, stops, found));
    }
}

TEST(StopStrings, HoldsBackNoMoreThanMayBecomeOne) {
  StopStrings stops({"User:"});
  EXPECT_EQ(stops.push("x Us"), "x ");
  EXPECT_EQ(stops.push("U"), "Us");
  EXPECT_EQ(stops.push("ser"), "");
  EXPECT_EQ(stops.push(": y"), "");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.finish(), "");
}

using Tokens = std::vector<int32_t>;

TEST(NgramDraft, GuessesWhatFollowedBefore) {
  EXPECT_EQ(draftFromNgrams({1, 2, 3, 4, 1, 2}, 9), Tokens({3, 4, 1, 2}));
  EXPECT_EQ(draftFromNgrams({1, 2, 3, 4, 1, 2}, 2), Tokens({3, 4}));
  // A place that overlaps the end.
  EXPECT_EQ(draftFromNgrams({5, 5, 5}, 9), Tokens({5}));
  // Of two places the latest, but a longer end in common counts more.
  EXPECT_EQ(draftFromNgrams({1, 2, 3, 1, 2, 4, 1, 2}, 1), Tokens({4}));
  EXPECT_EQ(draftFromNgrams({7, 1, 2, 3, 8, 1, 2, 4, 7, 1, 2}, 1), Tokens({3}));
  // Ends of more than 4 tokens are not told apart.
  EXPECT_EQ(
      draftFromNgrams({0, 1, 2, 3, 4, 5, 9, 1, 2, 3, 4, 6, 0, 1, 2, 3, 4}, 1),
      Tokens({6}));
}

TEST(NgramDraft, GuessesNothingAfterWhatIsNew) {
  EXPECT_EQ(draftFromNgrams({}, 9), Tokens());
  EXPECT_EQ(draftFromNgrams({1}, 9), Tokens());
  EXPECT_EQ(draftFromNgrams({1, 1}, 9), Tokens());
  EXPECT_EQ(draftFromNgrams({2, 3, 1, 3}, 9), Tokens());
  EXPECT_EQ(draftFromNgrams({1, 2, 3, 1, 2}, 0), Tokens());
}

class GeneratorTest : public testing::Test {
protected:
  void SetUp() override {
    module = loadValid(toyModel());
    ASSERT_TRUE(module);
    auto made =
        Session::create(module, generatePrograms(*module, false), onCpu(1));
    ASSERT_TRUE(made.ok()) << made.message();
    session = std::move(*made);
    auto tokens = makeTokenizer(*module);
    ASSERT_TRUE(tokens.ok());
    tokenizer = *tokens;
  }

  Expected<Generator> create() {
    auto model = LanguageModel::create(*session, /*lora=*/false, 0);
    EXPECT_TRUE(model.ok()) << model.message();
    return Generator::create(std::move(*model), tokenizer, options);
  }

  /// The text of a generation after `prompt`, and why it ended.
  std::pair<std::string, StopReason> run(Generator &generator,
                                         std::vector<int32_t> prompt) {
    EXPECT_TRUE(generator.append(prompt.data(), prompt.size()).ok());
    std::string text;
    while (true) {
      auto piece = generator.next();
      EXPECT_TRUE(piece.ok()) << piece.message();
      if (!piece.ok())
        return {text, StopReason::none};
      text += piece->text;
      EXPECT_EQ(piece->token < 0, piece->stop != StopReason::none);
      if (piece->stop != StopReason::none)
        return {text, piece->stop};
    }
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Session> session;
  std::shared_ptr<const TokenizerInterface> tokenizer;
  GeneratorOptions options;
};

using Result = std::pair<std::string, StopReason>;

// From "abc", 1 + 2 + 3: 6, 12, 24 = 8, 0, 0: "f", "l", "h", unknown, unknown.
TEST_F(GeneratorTest, StopsForEachReason) {
  options.maxTokens = 3;
  auto generator = create();
  ASSERT_TRUE(generator.ok()) << generator.message();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("flh", StopReason::length));
  // The last token was not read: the next run of the model would be for it.
  EXPECT_EQ(generator->model().position(), 5u);
  auto again = generator->next();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->stop, StopReason::length);

  options.endTokens = {8};
  generator = create();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("fl", StopReason::end));
  EXPECT_EQ(generator->model().position(), 5u);

  options.endTokens.clear();
  options.stops = {"lh", "z"};
  generator = create();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("f", StopReason::stopString));
  options.stops = {"lhz"}; // held back, and shown in the end
  generator = create();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("flh", StopReason::length));

  options.stops.clear();
  options.maxTokens = 99;
  generator = create();
  EXPECT_EQ(run(*generator, {1, 2, 3}).second, StopReason::context);
  EXPECT_EQ(generator->model().position(), test::context);

  options.maxTokens = 0;
  generator = create();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("", StopReason::length));
}

TEST_F(GeneratorTest, GoesOnAfterwards) {
  options.maxTokens = 2;
  auto generator = create();
  ASSERT_TRUE(generator.ok());
  EXPECT_FALSE(generator->next().ok()) << "nothing was read";
  EXPECT_EQ(run(*generator, {1, 2, 3}).first, "fl");
  // 1 + 2 + 3 + 6 + 12 + 2 = 26 = 10, 20 = 4.
  EXPECT_EQ(run(*generator, {2}), Result("jd", StopReason::length));
  EXPECT_FALSE(generator->append(nullptr, 0).ok());
  generator->reset();
  EXPECT_FALSE(generator->next().ok());
  EXPECT_EQ(run(*generator, {1, 2, 3}).first, "fl");
  std::vector<int32_t> many(test::context, 1);
  EXPECT_FALSE(generator->append(many.data(), many.size()).ok());
}

TEST_F(GeneratorTest, ResetBeginsTheRandomNumbersAnew) {
  options.sampler.temperature = 30;
  options.sampler.seed = 5;
  options.maxTokens = 6;
  auto generator = create();
  ASSERT_TRUE(generator.ok());
  std::string first = run(*generator, {1, 2, 3}).first;
  generator->reset();
  EXPECT_EQ(run(*generator, {1, 2, 3}).first, first);
}

TEST_F(GeneratorTest, NeedsNoTokenizer) {
  tokenizer = nullptr;
  options.maxTokens = 2;
  auto generator = create();
  ASSERT_TRUE(generator.ok()) << generator.message();
  EXPECT_EQ(run(*generator, {1, 2, 3}), Result("", StopReason::length));
  options.stops = {"x"};
  EXPECT_FALSE(create().ok());
}

TEST_F(GeneratorTest, RefusesOptionsOutOfRange) {
  auto refused = [&](auto change) {
    options = GeneratorOptions();
    change(options);
    return !create().ok();
  };
  EXPECT_FALSE(refused([](GeneratorOptions &) {}));
  for (double value : {-1.0, double(NAN), double(INFINITY)}) {
    EXPECT_TRUE(
        refused([=](GeneratorOptions &o) { o.sampler.temperature = value; }));
    EXPECT_TRUE(refused([=](GeneratorOptions &o) { o.sampler.topP = value; }));
  }
  EXPECT_TRUE(refused([](GeneratorOptions &o) { o.sampler.topP = 1.01; }));
  EXPECT_TRUE(refused([](GeneratorOptions &o) { o.stops = {"a", ""}; }));
  EXPECT_TRUE(refused([](GeneratorOptions &o) { o.endTokens = {-1}; }));
  EXPECT_TRUE(refused(
      [](GeneratorOptions &o) { o.endTokens = {int32_t(test::vocabulary)}; }));
}

} // namespace
