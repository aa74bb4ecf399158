//===- TokenizerTest.cpp - Unit tests of text/Tokenizer.h -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of merging, special tokens and byte fallback on a vocabulary small
// enough to check by hand.
//
//===----------------------------------------------------------------------===//

#include "text/Tokenizer.h"

#include "text/SmallVocabulary.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace sterna {
namespace {

using Ids = std::vector<int32_t>;

// Ids of the pieces given to smallVocabulary.
constexpr int32_t kFirst = 259;

TEST(TokenizerTest, MergesByScoreThenFromTheLeft) {
  // "ab" outranks "bc"; equal pairs merge leftmost first.
  Tokenizer tokenizer = makeTokenizer(
      smallVocabulary({"ab", "bc", "aa", "a", "b", "c", "\xE2\x96\x81"}));
  EXPECT_EQ(tokenizer.encode("abc", false, false, false),
            (Ids{kFirst, kFirst + 5}));
  EXPECT_EQ(tokenizer.encode("cbc", false, false, false),
            (Ids{kFirst + 5, kFirst + 1}));
  EXPECT_EQ(tokenizer.encode("aaa", false, false, false),
            (Ids{kFirst + 2, kFirst + 3}));
}

TEST(TokenizerTest, MergesMergedPieces) {
  Tokenizer tokenizer =
      makeTokenizer(smallVocabulary({"abcd", "cd", "ab", "a", "b", "c", "d"}));
  EXPECT_EQ(tokenizer.encode("abcdab", false, false, false),
            (Ids{kFirst, kFirst + 2}));
}

TEST(TokenizerTest, AddsBosAndSpace) {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"
                                        "a",
                                        "\xE2\x96\x81", "a"});
  Tokenizer tokenizer = makeTokenizer(data);
  EXPECT_EQ(tokenizer.encode("a", true, false), (Ids{1, kFirst}));
  EXPECT_EQ(tokenizer.encode("a", true, false, false), (Ids{1, kFirst + 2}));
  EXPECT_EQ(tokenizer.encode("", true, false), (Ids{1}));
  EXPECT_EQ(tokenizer.encode("", false, false), Ids());
  data.addBos = false;
  data.addSpacePrefix = false;
  EXPECT_EQ(makeTokenizer(data).encode("a", true, false), (Ids{kFirst + 2}));
}

TEST(TokenizerTest, FallsBackToBytesThenUnknown) {
  Tokenizer tokenizer = byteTokenizer();
  EXPECT_EQ(tokenizer.encode("\xC3\xA4", false, false, false),
            (Ids{byteToken('\xC3'), byteToken('\xA4')}));

  TokenizerData data;
  data.pieces = {"<unk>", "a"};
  data.scores = {0, 0};
  data.unk = 0;
  data.addSpacePrefix = false;
  EXPECT_EQ(makeTokenizer(data).encode("ab", false, false), (Ids{1, 0}));
}

TEST(TokenizerTest, ParsesControlTokensOnlyWhenAsked) {
  Tokenizer tokenizer = makeTokenizer(smallVocabulary({"a", "\xE2\x96\x81"}));
  EXPECT_EQ(tokenizer.encode("a</s>a", false, true),
            (Ids{kFirst + 1, kFirst, 2, kFirst + 1, kFirst}));
  Ids plain = tokenizer.encode("a</s>a", false, false);
  EXPECT_EQ(plain.size(), 7u);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 2), 0);
}

TEST(TokenizerTest, MatchesUserDefinedTokensLongestFirst) {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"});
  data.addSpacePrefix = false;
  int32_t shorter = addToken(data, "<<", TokenType::UserDefined);
  int32_t longer = addToken(data, "<<<", TokenType::UserDefined);
  Tokenizer tokenizer = makeTokenizer(data);
  EXPECT_EQ(tokenizer.encode("<<<<<<<", false, false),
            (Ids{longer, longer, byteToken('<')}));
  EXPECT_EQ(tokenizer.encode("x<<x<<<", false, false),
            (Ids{byteToken('x'), shorter, byteToken('x'), longer}));
}

TEST(TokenizerTest, AcceptsAnyBytes) {
  Tokenizer tokenizer = byteTokenizer();
  for (int first = 0; first < 256; ++first)
    for (size_t size = 1; size <= 5; ++size) {
      std::string text(size, '\x80');
      text[0] = static_cast<char>(first);
      Ids ids = tokenizer.encode(text, false, false, false);
      EXPECT_EQ(ids.size(), size) << first;
    }
  std::string zeros(3, '\0');
  EXPECT_EQ(tokenizer.encode(zeros, false, false, false), (Ids{3, 3, 3}));
}

TEST(TokenizerTest, LongTextWithoutBoundaries) {
  // A chunk that cannot be cut must not take quadratic time.
  Tokenizer tokenizer = makeTokenizer(smallVocabulary({"aaaa", "aa", "a"}));
  Ids ids = tokenizer.encode(std::string(1 << 20, 'a'), false, false, false);
  EXPECT_EQ(ids, Ids(1 << 18, kFirst));
}

TEST(TokenizerTest, DecodesWhatItEncodes) {
  Tokenizer tokenizer =
      makeTokenizer(smallVocabulary({"\xE2\x96\x81"
                                     "a",
                                     "\xE2\x96\x81", "a", "b"}));
  for (std::string text : {"", "a", " a", "  ab  ", "\xF0\x9F\x98\x81 b\n"})
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true, false)), text);
  EXPECT_EQ(tokenizer.decode({-1, 1 << 30, 0, 1, 2, kFirst}), "a");
}

TEST(TokenizerTest, EndOfGeneration) {
  TokenizerData data = smallVocabulary({"<|end|>"});
  int32_t end = addToken(data, "<|im_end|>", TokenType::Control);
  Tokenizer tokenizer = makeTokenizer(data);
  EXPECT_TRUE(tokenizer.isEndOfGeneration(2));
  EXPECT_TRUE(tokenizer.isEndOfGeneration(end));
  EXPECT_FALSE(tokenizer.isEndOfGeneration(kFirst)) << "an ordinary piece";
  EXPECT_FALSE(tokenizer.isEndOfGeneration(-1));
  EXPECT_EQ(tokenizer.padOrDefault(), 2);
}

TEST(TokenizerTest, RefusesBadVocabularies) {
  const TokenizerData good = smallVocabulary({"a"});
  EXPECT_TRUE(Tokenizer::create(good).ok());
  auto refused = [&](auto change) {
    TokenizerData data = good;
    change(data);
    return !Tokenizer::create(std::move(data)).ok();
  };
  EXPECT_TRUE(refused([](TokenizerData &data) { data = {}; }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.scores.pop_back(); }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.types.pop_back(); }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.types[5] = 7; }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.types[5] = 0; }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.scores[9] = NAN; }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.bos = 260; }));
  EXPECT_TRUE(refused([](TokenizerData &data) { data.eos = -2; }));
  EXPECT_TRUE(refused([](TokenizerData &data) {
    data.unk = -1;
    data.pieces[3] = "x";
  }));
}

} // namespace
} // namespace sterna
