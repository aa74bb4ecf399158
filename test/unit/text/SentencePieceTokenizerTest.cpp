//===- SentencePieceTokenizerTest.cpp - Text to ids and back
//---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of merging, special tokens and byte fallback on a vocabulary small
// enough to check by hand.
//
//===----------------------------------------------------------------------===//

#include "text/SentencePieceTokenizer.h"

#include "random/SplitMix64.h"
#include "text/SmallVocabulary.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

namespace sterna {
namespace {

using Ids = std::vector<int32_t>;

// Ids of the pieces given to smallVocabulary.
constexpr int32_t first = 259;

TEST(TokenizerTest, MergesByScoreThenFromTheLeft) {
  // "ab" outranks "bc"; equal pairs merge leftmost first.
  SentencePieceTokenizer tokenizer = makeTokenizer(
      smallVocabulary({"ab", "bc", "aa", "a", "b", "c", "\xE2\x96\x81"}));
  EXPECT_EQ(tokenizer.encode("abc", false, false, false),
            (Ids{first, first + 5}));
  EXPECT_EQ(tokenizer.encode("cbc", false, false, false),
            (Ids{first + 5, first + 1}));
  EXPECT_EQ(tokenizer.encode("aaa", false, false, false),
            (Ids{first + 2, first + 3}));
}

TEST(TokenizerTest, MergesMergedPieces) {
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"abcd", "cd", "ab", "a", "b", "c", "d"}));
  EXPECT_EQ(tokenizer.encode("abcdab", false, false, false),
            (Ids{first, first + 2}));
}

TEST(TokenizerTest, AddsBosAndSpace) {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"
                                        "a",
                                        "\xE2\x96\x81", "a"});
  SentencePieceTokenizer tokenizer = makeTokenizer(data);
  EXPECT_EQ(tokenizer.encode("a", true, false), (Ids{1, first}));
  EXPECT_EQ(tokenizer.encode("a", true, false, false), (Ids{1, first + 2}));
  EXPECT_EQ(tokenizer.encode("", true, false), (Ids{1}));
  EXPECT_EQ(tokenizer.encode("", false, false), Ids());
  data.addBos = false;
  data.addSpacePrefix = false;
  EXPECT_EQ(makeTokenizer(data).encode("a", true, false), (Ids{first + 2}));
}

TEST(TokenizerTest, FallsBackToBytesThenUnknown) {
  SentencePieceTokenizer tokenizer = byteTokenizer();
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
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"a", "\xE2\x96\x81"}));
  EXPECT_EQ(tokenizer.encode("a</s>a", false, true),
            (Ids{first + 1, first, 2, first + 1, first}));
  Ids plain = tokenizer.encode("a</s>a", false, false);
  EXPECT_EQ(plain.size(), 7u);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 2), 0);
}

TEST(TokenizerTest, MatchesUserDefinedTokensLongestFirst) {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"});
  data.addSpacePrefix = false;
  int32_t shorter = addToken(data, "<<", TokenType::UserDefined);
  int32_t longer = addToken(data, "<<<", TokenType::UserDefined);
  SentencePieceTokenizer tokenizer = makeTokenizer(data);
  EXPECT_EQ(tokenizer.encode("<<<<<<<", false, false),
            (Ids{longer, longer, byteToken('<')}));
  EXPECT_EQ(tokenizer.encode("x<<x<<<", false, false),
            (Ids{byteToken('x'), shorter, byteToken('x'), longer}));
}

TEST(TokenizerTest, AcceptsAnyBytes) {
  SentencePieceTokenizer tokenizer = byteTokenizer();
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
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"aaaa", "aa", "a"}));
  Ids ids = tokenizer.encode(std::string(1 << 20, 'a'), false, false, false);
  EXPECT_EQ(ids, Ids(1 << 18, first));
}

/// The pieces of `text`, letters of one byte, by the definition: as long as two
/// neighbours are a piece, the two of the highest score merge, the leftmost of
/// equals.
class WholeMerger {
public:
  WholeMerger(const SentencePieceTokenizer &tokenizer, const std::string &text)
      : tokenizer(tokenizer) {
    for (char letter : text)
      pieces.emplace_back(1, letter);
    for (size_t i = 0; i < pieces.size(); ++i)
      next.push_back(i + 1);
    for (size_t i = 0; i < pieces.size(); ++i)
      enter(i);
  }

  Ids run() {
    while (!candidates.empty()) {
      size_t left = candidates.begin()->second, right = next[left];
      // What has merged into its left is skipped.
      size_t before = left == 0 ? 0 : left - 1;
      while (before > 0 && pieces[before].empty())
        --before;
      for (size_t i : {before, left, right})
        leave(i);
      pieces[left] += pieces[right];
      pieces[right].clear();
      next[left] = next[right];
      enter(before);
      if (left != before)
        enter(left);
    }
    Ids ids;
    for (size_t i = 0; i < pieces.size(); i = next[i])
      ids.push_back(tokenizer.find(pieces[i]));
    return ids;
  }

private:
  /// The rank of merging piece `i` with the next; positive where they cannot.
  float rank(size_t i) const {
    if (i >= pieces.size() || next[i] >= pieces.size())
      return 1;
    int32_t id = tokenizer.find(pieces[i] + pieces[next[i]]);
    return id < 0 ? 1
                  : -tokenizer.data().scores[static_cast<size_t>(id)] - 1000;
  }
  void enter(size_t i) {
    if (float r = rank(i); r < 0)
      candidates.insert({r, i});
  }
  void leave(size_t i) { candidates.erase({rank(i), i}); }

  const SentencePieceTokenizer &tokenizer;
  std::vector<std::string> pieces;
  std::vector<size_t> next;
  std::set<std::pair<float, size_t>> candidates;
};

TEST(TokenizerTest, MergesByWindowsAsTheWhole) {
  // All letters merge with all, so that no chunk ends; in the last vocabularies
  // a long run decides from its beginning how its end is cut.
  const std::vector<std::string> vocabularies[] = {
      {"aaaa", "aa", "aaa", "a", "b", "ab", "ba", "bb"},
      {"ab", "ba", "aba", "abab", "bb", "a", "b", "aa"},
      {"bb", "aab", "ab", "aa", "ba", "baa", "a", "b"},
      {"aa", "aaa", "aaaaa", "aaaaaaa", "bb", "ab", "ba", "a", "b"},
      {"ba", "aa", "baa", "ab", "bb", "a", "b"},
  };
  SplitMix64 random(3);
  for (const std::vector<std::string> &pieces : vocabularies) {
    SentencePieceTokenizer tokenizer = makeTokenizer(smallVocabulary(pieces));
    for (uint64_t every : {1u, 2u, 3u, 100u, 1000000u})
      for (size_t size : {100u, 16384u, 40001u}) {
        std::string text(size, 'a');
        for (char &letter : text)
          if (random.below(every) == 0 && every > 1)
            letter = 'b';
        EXPECT_EQ(tokenizer.encode(text, false, false, false),
                  WholeMerger(tokenizer, text).run())
            << pieces[0] << " " << every << " " << size;
      }
  }
}

TEST(TokenizerTest, MergesByWindowsWhatDependsOnFarText) {
  // Pairs of letters that follow each other rank higher the later they are, so
  // that the end of a rising run decides how all of it is paired, far beyond
  // what two windows share.
  std::vector<std::string> pieces;
  for (char letter = 'z'; letter > '!'; --letter)
    pieces.push_back({char(letter - 1), letter});
  for (char low = '!'; low <= 'z'; ++low)
    pieces.push_back({'z', low}); // nothing ends a chunk
  for (char letter = '!'; letter <= 'z'; ++letter)
    pieces.emplace_back(1, letter);
  SentencePieceTokenizer tokenizer = makeTokenizer(smallVocabulary(pieces));
  SplitMix64 random(5);
  for (size_t size : {500u, 30000u, 60000u}) {
    std::string text;
    while (text.size() < size)
      for (char letter = char('!' + random.below(40)); letter <= 'z'; ++letter)
        text += letter;
    EXPECT_EQ(tokenizer.encode(text, false, false, false),
              WholeMerger(tokenizer, text).run())
        << size;
  }
}

TEST(TokenizerTest, RunsOfSpacesTakeLinearTime) {
  std::vector<std::string> pieces;
  std::string mark = "\xE2\x96\x81", run;
  for (int i = 0; i < 4; ++i)
    pieces.push_back(run = run.empty() ? mark + mark : run + run);
  pieces.push_back(mark);
  SentencePieceTokenizer tokenizer = makeTokenizer(smallVocabulary(pieces));
  Ids ids =
      tokenizer.encode(std::string((1 << 21) + 5, ' '), false, false, false);
  Ids expected(1 << 17, first + 3);
  expected.insert(expected.end(), {first + 1, first + 4});
  EXPECT_EQ(ids, expected);
}

/// Cuts `text` in all ways into three parts, which give the ids of the whole.
void expectPartsOfTheWhole(const SentencePieceTokenizer &tokenizer,
                           const std::string &text, bool parseSpecial,
                           bool atStart) {
  Ids whole = tokenizer.encode(text, true, parseSpecial, atStart);
  std::string_view view = text;
  for (size_t first = 0; first <= text.size(); ++first)
    for (size_t second = first; second <= text.size(); ++second) {
      std::vector<TextPart> parts = {
          {view.substr(0, first), parseSpecial},
          {view.substr(first, second - first), parseSpecial},
          {view.substr(second), parseSpecial}};
      Ids ids;
      std::string bytes[3];
      for (const PartToken &token :
           tokenizer.encodeParts(parts, true, atStart)) {
        ids.push_back(token.id);
        ASSERT_LT(token.part, 3u);
        bytes[token.part] += tokenizer.tokenBytes(token.id);
      }
      EXPECT_EQ(ids, whole) << first << " " << second;
      // A token belongs to the part in which it ends, so that parts have no
      // less than what is before their end.
      size_t end = 0;
      for (int i = 0; i < 2; ++i)
        end += bytes[i].size();
      if (!parseSpecial && !tokenizer.addsSpace())
        EXPECT_LE(end, second) << first;
    }
}

TEST(TokenizerTest, PartsGiveTheTokensOfTheWhole) {
  const std::string space = "\xE2\x96\x81";
  TokenizerData data = smallVocabulary(
      {space + "ab", "ab", "b" + space, space + "a", "a", "b", space});
  addToken(data, "<|x|>", TokenType::Control);
  addToken(data, "[[y]]", TokenType::UserDefined);
  for (bool prefix : {true, false})
    for (bool atStart : {true, false}) {
      data.addSpacePrefix = prefix;
      SentencePieceTokenizer tokenizer = makeTokenizer(data);
      for (const char *text : {"ab ab  abb a ", "a<|x|> ab[[y]]b a",
                               "<s>ab</s>", " \xC3\xA4 b\xE2\x96\x81"})
        for (bool parseSpecial : {false, true})
          expectPartsOfTheWhole(tokenizer, text, parseSpecial, atStart);
    }
  EXPECT_TRUE(makeTokenizer(data).encodeParts({}, false).empty());

  // Control tokens are matched where they may be, and nowhere else.
  data.addSpacePrefix = false;
  SentencePieceTokenizer tokenizer = makeTokenizer(data);
  Ids ids;
  for (const PartToken &token : tokenizer.encodeParts(
           {{"<|x|>", true}, {"<|x|>", false}, {"<|x|>", true}}, false))
    ids.push_back(token.id);
  int32_t control = tokenizer.find("<|x|>");
  EXPECT_EQ(ids.front(), control);
  EXPECT_EQ(ids.back(), control);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), control), 2);
}

TEST(TokenizerTest, TextThatSpellsItsBosGetsNoSecond) {
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"a", "\xE2\x96\x81"}));
  EXPECT_EQ(tokenizer.encode("<s>a", true, true),
            tokenizer.encode("a", true, true));
  EXPECT_EQ(tokenizer.encode("<s><s>", true, true), (Ids{1, 1}));
  EXPECT_EQ(tokenizer.encode("<s>a", true, false).front(), 1);
  EXPECT_GT(tokenizer.encode("<s>a", true, false).size(), 4u) << "letters";
}

TEST(TokenizerTest, DecodesWhatItEncodes) {
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"\xE2\x96\x81"
                                     "a",
                                     "\xE2\x96\x81", "a", "b"}));
  for (std::string text : {"", "a", " a", "  ab  ", "\xF0\x9F\x98\x81 b\n"})
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true, false)), text);
  EXPECT_EQ(tokenizer.decode({-1, 1 << 30, 0, 1, 2, first}), "a");
}

TEST(TokenizerTest, EndOfGeneration) {
  TokenizerData data = smallVocabulary({"<|end|>"});
  int32_t end = addToken(data, "<|im_end|>", TokenType::Control);
  SentencePieceTokenizer tokenizer = makeTokenizer(data);
  EXPECT_TRUE(tokenizer.isEndOfGeneration(2));
  EXPECT_TRUE(tokenizer.isEndOfGeneration(end));
  EXPECT_FALSE(tokenizer.isEndOfGeneration(first)) << "an ordinary piece";
  EXPECT_FALSE(tokenizer.isEndOfGeneration(-1));
  EXPECT_EQ(tokenizer.padOrDefault(), 2);
  EXPECT_TRUE(tokenizer.hasEndOfGeneration());
}

TEST(TokenizerTest, EndIdsEndAGeneration) {
  TokenizerData data = smallVocabulary({"a", "b"});
  data.endIds = {first, -1};
  data.eos = -1;
  SentencePieceTokenizer tokenizer = makeTokenizer(data);
  EXPECT_TRUE(tokenizer.isEndOfGeneration(first)) << "of any type";
  for (int32_t id : {-1, 0, 2, first + 1})
    EXPECT_FALSE(tokenizer.isEndOfGeneration(id)) << id;
  EXPECT_TRUE(tokenizer.hasEndOfGeneration());
  data.endIds = {-1};
  EXPECT_FALSE(makeTokenizer(data).hasEndOfGeneration());
  for (int32_t id : {-2, first + 2}) {
    data.endIds = {id};
    EXPECT_FALSE(SentencePieceTokenizer::create(data).ok()) << id;
  }
}

TEST(TokenizerTest, RefusesBadVocabularies) {
  const TokenizerData good = smallVocabulary({"a"});
  EXPECT_TRUE(SentencePieceTokenizer::create(good).ok());
  auto refused = [&](auto change) {
    TokenizerData data = good;
    change(data);
    return !SentencePieceTokenizer::create(std::move(data)).ok();
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
