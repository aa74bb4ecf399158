//===- BytePairTokenizerTest.cpp - Unit tests of BytePairTokenizer --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What encoding and decoding give for vocabularies small enough to follow; the
// oracle compares larger ones.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairTokenizer.h"
#include "text/SmallBytePairs.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

using Ids = std::vector<int32_t>;

Ids encode(const TokenizerInterface &tokenizer, const std::string &text) {
  return tokenizer.encode(text, false, false);
}

/// The bytes of a text as ids of byteVocabulary().
Ids bytesOf(const std::string &text) {
  Ids ids;
  for (char byte : text)
    ids.push_back(static_cast<unsigned char>(byte));
  return ids;
}

TEST(BytePairTokenizerTest, MergesByRank) {
  BytePairData data = byteVocabulary();
  int32_t bc = addMerge(data, 'b', 'c');
  int32_t ab = addMerge(data, 'a', 'b');
  int32_t abc = addMerge(data, ab, 'c');
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "ab"), Ids({ab}));
  EXPECT_EQ(encode(tokenizer, "abc"), Ids({'a', bc})) << "bc was learnt first";
  EXPECT_EQ(encode(tokenizer, "abab"), Ids({ab, ab}));
  EXPECT_EQ(tokenizer.decode({abc, bc}), "abcbc");
}

TEST(BytePairTokenizerTest, TakesWholeWordsWhereMergesAreIgnored) {
  BytePairData data = byteVocabulary();
  addMerge(data, 'b', 'c');
  int32_t ab = addMerge(data, 'a', 'b');
  int32_t abc = addMerge(data, ab, 'c');
  data.ignoreMerges = true;
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "abc"), Ids({abc}));
}

TEST(BytePairTokenizerTest, MergesWithinWordsOnly) {
  BytePairData data = byteVocabulary();
  int32_t spaceA = addMerge(data, ' ', 'a');
  addMerge(data, 'a', ' ');
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "a a"), Ids({'a', spaceA}));
}

TEST(BytePairTokenizerTest, EncodesOddTexts) {
  BytePairTokenizer tokenizer = makeBytePairs(byteVocabulary());
  for (const char *text :
       {"", " ", "   ", "\n", "\xE2\x96\x81", "\xF0\x9F\x90\xA6",
        "e\xCC\x81\xCC\xA3", "\xF3\xA0\x81\xA7", "a\xE2\x80\x8D"}) {
    EXPECT_EQ(encode(tokenizer, text), bytesOf(text));
    EXPECT_EQ(tokenizer.decode(bytesOf(text)), text);
  }
}

TEST(BytePairTokenizerTest, StrayBytesAreWords) {
  BytePairData data = byteVocabulary();
  addMerge(data, 0x80, 0x81);
  addMerge(data, 'a', 0x80);
  addMerge(data, 0xE2, 0x96);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  for (const char *text : {"a\x80\x81 b", "\xFF\xFE", "\xE2\x96", "\xE2\x96z",
                           "\xED\xA0\x80", "\xC0\xAF"})
    EXPECT_EQ(encode(tokenizer, text), bytesOf(text));
}

TEST(BytePairTokenizerTest, FallsBackToBytes) {
  BytePairTokenizer tokenizer = makeBytePairs(markedVocabulary());
  EXPECT_EQ(encode(tokenizer, "ab"), Ids({1, 2, 3}));
  EXPECT_EQ(encode(tokenizer, "a\n"), Ids({1, 2, 28 + '\n'}));
  EXPECT_EQ(encode(tokenizer, "\xC3\xA9"), Ids({1, 28 + 0xC3, 28 + 0xA9}));
  EXPECT_EQ(encode(tokenizer, "\xFFz"), Ids({28 + 0xFF, 27}))
      << "no mark between a stray byte and what follows";
  EXPECT_EQ(tokenizer.decode({1, 2, 28 + 0xC3, 28 + 0xA9, 1}), "a\xC3\xA9 ");
}

TEST(BytePairTokenizerTest, FusesWhatIsUnknown) {
  BytePairData data = markedVocabulary();
  data.byteFallback = false;
  BytePairTokenizer fused = makeBytePairs(data);
  EXPECT_EQ(encode(fused, "a##b"), Ids({1, 2, 0, 3}));
  data.fuseUnk = false;
  BytePairTokenizer single = makeBytePairs(data);
  EXPECT_EQ(encode(single, "a##b"), Ids({1, 2, 0, 0, 3}));
  data.unk = -1;
  BytePairTokenizer none = makeBytePairs(data);
  EXPECT_EQ(encode(none, "a##b"), Ids({1, 2, 3}));
}

TEST(BytePairTokenizerTest, MarksTheBeginningOfTexts) {
  BytePairTokenizer tokenizer = makeBytePairs(markedVocabulary());
  EXPECT_TRUE(tokenizer.addsSpace());
  EXPECT_EQ(encode(tokenizer, ""), Ids());
  EXPECT_EQ(encode(tokenizer, " a"), Ids({1, 1, 2}));
  EXPECT_EQ(tokenizer.encode("a", false, false, /*atStart=*/false), Ids({2}));
  EXPECT_EQ(tokenizer.decode({1, 2}), "a");
}

TEST(BytePairTokenizerTest, Metaspace) {
  BytePairData data = markedVocabulary();
  data.normalizers.clear();
  auto withFlags = [&](uint32_t flags) {
    data.preTokenizers = {
        makeStep(StepKind::Metaspace, flags, {}, "\xE2\x96\x81")};
    data.added = {{284, "<x>", 0}};
    return makeBytePairs(data);
  };
  EXPECT_EQ(encode(withFlags(PrependAlways | SplitAtMark), "a<x>b c"),
            Ids({1, 2, 284, 1, 3, 1, 4}));
  EXPECT_EQ(encode(withFlags(PrependFirst | SplitAtMark), "a<x>b c"),
            Ids({1, 2, 284, 3, 1, 4}));
  EXPECT_EQ(encode(withFlags(SplitAtMark), " a b"), Ids({1, 2, 1, 3}));
  EXPECT_EQ(encode(withFlags(PrependAlways), " a"), Ids({1, 2}));
}

TEST(BytePairTokenizerTest, MatchesTheLongestAddedToken) {
  BytePairData data = byteVocabulary();
  int32_t shorter = addToken(data, "<a", 0);
  int32_t longer = addToken(data, "<a>", 0);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "<a>b<a"), Ids({longer, 'b', shorter}));
  EXPECT_TRUE(tokenizer.isSpecial(longer));
  EXPECT_FALSE(tokenizer.isSpecial('a'));
  EXPECT_EQ(tokenizer.size(), 258);
  EXPECT_EQ(tokenizer.find("<a>"), longer);
  EXPECT_EQ(tokenizer.spelling(longer), "<a>");
  EXPECT_EQ(tokenizer.spelling(' '), "\xC4\xA0");
}

TEST(BytePairTokenizerTest, SpecialTokensNeedToBeParsed) {
  BytePairData data = byteVocabulary();
  int32_t special = addToken(data, "<s>", IsSpecial);
  int32_t other = addToken(data, "<s>x", 0);
  int32_t inner = addToken(data, "s>", 0);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(tokenizer.encode("<s><s>x", false, true), Ids({special, other}));
  // What is not taken hides what overlaps it.
  EXPECT_EQ(tokenizer.encode("<s>s>", false, false),
            Ids({'<', 's', '>', inner}));
  EXPECT_EQ(tokenizer.decode({special, inner}), "s>");
  EXPECT_EQ(tokenizer.tokenBytes(special), "");
}

TEST(BytePairTokenizerTest, StripsAroundAddedTokens) {
  BytePairData data = byteVocabulary();
  int32_t both = addToken(data, "<b>", StripLeft | StripRight);
  int32_t word = addToken(data, "cd", SingleWord);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "a \n<b> \xE3\x80\x80z"), Ids({'a', both, 'z'}));
  EXPECT_EQ(encode(tokenizer, "<b>  <b>"), Ids({both, both}));
  EXPECT_EQ(encode(tokenizer, "cd-cd"), Ids({word, '-', word}));
  EXPECT_EQ(encode(tokenizer, "cde"), Ids({'c', 'd', 'e'}));
  EXPECT_EQ(encode(tokenizer, "_cd"), Ids({'_', 'c', 'd'}));
  EXPECT_EQ(encode(tokenizer, "\xC3\xA9"
                              "cd"),
            bytesOf("\xC3\xA9"
                    "cd"));
}

TEST(BytePairTokenizerTest, MatchesNormalizedTokensInNormalizedText) {
  BytePairData data = byteVocabulary();
  data.normalizers = {makeStep(StepKind::Lowercase)};
  int32_t normalized = addToken(data, "AB", Normalized);
  int32_t raw = addToken(data, "CD", 0);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(encode(tokenizer, "aBCDcd"), Ids({normalized, raw, 'c', 'd'}));
  EXPECT_EQ(tokenizer.decode({normalized, raw}), "abCD");
}

TEST(BytePairTokenizerTest, AddsBosOnce) {
  BytePairData data = byteVocabulary();
  data.bos = addToken(data, "<s>", IsSpecial);
  data.addBos = true;
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  EXPECT_EQ(tokenizer.encode("a", true, true), Ids({256, 'a'}));
  EXPECT_EQ(tokenizer.encode("<s>a", true, true), Ids({256, 'a'}));
  EXPECT_EQ(tokenizer.encode("", true, true), Ids({256}));
  EXPECT_EQ(tokenizer.encode("a", false, true), Ids({'a'}));
}

TEST(BytePairTokenizerTest, PartsGiveTheTokensOfTheWhole) {
  BytePairData data = byteVocabulary();
  data.normalizers = {makeStep(StepKind::Nfc)};
  int32_t ab = addMerge(data, 'a', 'b');
  int32_t special = addToken(data, "<s>", IsSpecial);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  auto encodeParts = [&](const std::vector<TextPart> &parts) {
    std::vector<std::pair<int32_t, uint32_t>> tokens;
    for (PartToken token : tokenizer.encodeParts(parts, false))
      tokens.emplace_back(token.id, token.part);
    return tokens;
  };
  using Tokens = std::vector<std::pair<int32_t, uint32_t>>;
  EXPECT_EQ(encodeParts({{"xa", false}, {"b", false}, {"", true}, {"c", true}}),
            Tokens({{'x', 0}, {ab, 1}, {'c', 3}}));
  EXPECT_EQ(encodeParts({{"<", true}, {"s>", true}}), Tokens({{special, 1}}));
  EXPECT_EQ(encodeParts({{"<s>", true}, {"<s>", false}}),
            Tokens({{special, 0}, {'<', 1}, {'s', 1}, {'>', 1}}));
  EXPECT_EQ(encodeParts({{"<s", false}, {">", true}}),
            Tokens({{'<', 0}, {'s', 0}, {'>', 1}}));
  // e and an accent become one character, whose last byte is the accent's.
  EXPECT_EQ(encodeParts({{"e", false}, {"\xCC\x81x", false}}),
            Tokens({{0xC3, 1}, {0xA9, 1}, {'x', 1}}));
  EXPECT_EQ(encodeParts({}), Tokens());
}

TEST(BytePairTokenizerTest, LongWordsTakeLittleTime) {
  BytePairData data = byteVocabulary();
  int32_t two = addMerge(data, 'a', 'a');
  int32_t four = addMerge(data, two, two);
  int32_t eight = addMerge(data, four, four);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(data));
  Ids ids = encode(tokenizer, std::string((1 << 20) + 1, 'a'));
  ASSERT_EQ(ids.size(), (1u << 17) + 1);
  EXPECT_EQ(ids.front(), eight);
  EXPECT_EQ(ids.back(), 'a');
  EXPECT_EQ(encode(tokenizer, std::string(1 << 20, ' ')).size(), 1u << 20);
}

TEST(BytePairTokenizerTest, StreamedBytesBecomeCharacters) {
  BytePairTokenizer tokenizer = makeBytePairs(byteVocabulary());
  EXPECT_EQ(tokenizer.decode({0xF0, 0x9F, 0x90, 0xA6}), "\xF0\x9F\x90\xA6");
  EXPECT_EQ(tokenizer.decode({0xC3, 'a'}), "\xEF\xBF\xBD"
                                           "a");
  EXPECT_EQ(tokenizer.decode({-1, 256, 1000}), "");
}

/// The message of a vocabulary that is refused.
std::string refusal(const BytePairData &data) {
  return BytePairTokenizer::create(data).message();
}

TEST(BytePairTokenizerTest, RefusesWhatCannotBe) {
  const std::string prefix = "the model's vocabulary is not usable: ";
  EXPECT_EQ(refusal({}), prefix + "it has 0 tokens");
  BytePairData data = byteVocabulary();
  data.pieces.push_back("!");
  EXPECT_EQ(refusal(data), prefix + "tokens 33 and 256 are both spelled '!'");
  data = byteVocabulary();
  data.merges = {'a', 'b'};
  EXPECT_EQ(refusal(data), prefix + "merge 0 gives 'ab', which is no piece");
  data.merges = {'a', 256};
  EXPECT_EQ(refusal(data), prefix +
                               "merge 0 is of tokens 97 and 256, which are "
                               "not both pieces");
  data.merges = {'a'};
  EXPECT_EQ(refusal(data),
            prefix + "expected two ids for each merge, but got 1");
  data = byteVocabulary();
  data.eos = 256;
  EXPECT_EQ(refusal(data),
            prefix + "expected special token ids below 256, but got 256");
  data = byteVocabulary();
  data.added = {{'a', "b", 0}};
  EXPECT_EQ(refusal(data), prefix + "added token 'b' has the id 97 of 'a'");
  data.added = {{256, "x", 0}};
  EXPECT_EQ(refusal(data), prefix + "added token 'x' has the id 256, but as a "
                                    "piece it has 120");
  data.added = {{256, "xy", 0}, {256, "yz", 0}};
  EXPECT_EQ(refusal(data),
            prefix + "added token 'yz', or its id 256, occurs twice");
  data.added = {{256, "", 0}};
  EXPECT_EQ(refusal(data), prefix + "expected added tokens of 1 to 1024 bytes, "
                                    "but token 256 has 0");
}

TEST(BytePairTokenizerTest, RefusesDecodersThatConcernMoreThanOneToken) {
  BytePairData data = markedVocabulary();
  data.decoders = {makeStep(StepKind::Fuse),
                   makeStep(StepKind::Replace, 0, "a", "b")};
  EXPECT_NE(refusal(data).find("order"), std::string::npos);
  data.decoders = {makeStep(StepKind::Strip, Left, {}, " ")};
  EXPECT_NE(refusal(data).find("order"), std::string::npos);
  data.decoders = {makeStep(StepKind::ByteLevel)};
  EXPECT_NE(refusal(data).find("expected a ByteLevel decoder with"),
            std::string::npos);
}

} // namespace
} // namespace sterna
