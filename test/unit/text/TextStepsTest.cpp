//===- TextStepsTest.cpp - Unit tests of normalizers and pre-tokenizers ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kind of step, and the expressions that steps split at.
//
//===----------------------------------------------------------------------===//

#include "text/Normalizer.h"
#include "text/PreTokenizer.h"
#include "text/RegexSyntax.h"
#include "text/SmallBytePairs.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

using Words = std::vector<std::string>;

std::string normalize(std::vector<TextStep> steps, const std::string &text) {
  Expected<Normalizer> normalizer = Normalizer::create(std::move(steps));
  EXPECT_TRUE(normalizer.ok()) << normalizer.message();
  return normalizer.ok() ? normalizer->normalize(text) : std::string();
}

class WordList : public WordReceiver {
public:
  void take(const TextSpan &word) override { words.emplace_back(word.text); }
  Words words;
};

Words split(std::vector<TextStep> steps, const std::string &text) {
  Expected<PreTokenizer> made = PreTokenizer::create(std::move(steps));
  EXPECT_TRUE(made.ok()) << made.message();
  WordList list;
  if (!made.ok())
    return {};
  TextSpan span;
  span.text = text;
  span.startsText = true;
  PreTokenizerRun(*made, false, list).split(span);
  return list.words;
}

Words splitAt(const std::string &pattern, const std::string &text,
              SplitBehavior behavior = SplitBehavior::Isolated) {
  return split({splitStep(pattern, behavior)}, text);
}

TEST(NormalizerTest, NormalForms) {
  const std::string composed = "\xC3\xA9", apart = "e\xCC\x81";
  EXPECT_EQ(normalize({makeStep(StepKind::Nfc)}, apart), composed);
  EXPECT_EQ(normalize({makeStep(StepKind::Nfd)}, composed), apart);
  EXPECT_EQ(normalize({makeStep(StepKind::Nfc)}, "\xEF\xAC\x81"),
            "\xEF\xAC\x81");
  EXPECT_EQ(normalize({makeStep(StepKind::Nfkc)}, "\xEF\xAC\x81"), "fi");
  EXPECT_EQ(normalize({makeStep(StepKind::Nfkd)}, "\xE2\x84\xAB"), "A\xCC\x8A");
  // Hangul, from its letters.
  EXPECT_EQ(normalize({makeStep(StepKind::Nfc)},
                      "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"),
            "\xED\x95\x9C");
  // Marks below come before those above.
  EXPECT_EQ(normalize({makeStep(StepKind::Nfd)}, "a\xCC\x88\xCC\xA3"),
            "a\xCC\xA3\xCC\x88");
}

TEST(NormalizerTest, LongRunsOfMarksTakeLittleTime) {
  std::string text = "a", below, above;
  for (int i = 0; i < 100000; ++i) {
    text += "\xCC\x88\xCC\xA3";
    below += "\xCC\xA3";
    above += "\xCC\x88";
  }
  EXPECT_EQ(normalize({makeStep(StepKind::Nfd)}, text), "a" + below + above);
}

TEST(NormalizerTest, OtherSteps) {
  EXPECT_EQ(normalize({makeStep(StepKind::Lowercase)}, "A\xC4\xB0\xC3\x89"),
            "ai\xCC\x87\xC3\xA9");
  EXPECT_EQ(normalize({makeStep(StepKind::Strip, Left)}, " \xC2\xA0z "), "z ");
  EXPECT_EQ(normalize({makeStep(StepKind::Strip, Left | Right)}, " \n"), "");
  EXPECT_EQ(normalize({makeStep(StepKind::Prepend, 0, {}, "_")}, "a"), "_a");
  EXPECT_EQ(normalize({makeStep(StepKind::Prepend, 0, {}, "_")}, ""), "");
  EXPECT_EQ(normalize({makeStep(StepKind::Replace, 0, "aa", "b")}, "aaaxaa"),
            "baxb");
  EXPECT_EQ(normalize({makeStep(StepKind::Replace, IsRegex, "\\s+", " ")},
                      "a \n b\t"),
            "a b ");
}

TEST(NormalizerTest, RefusesStepsThatBlowTextUp) {
  TextStep grow = makeStep(StepKind::Replace, 0, "a", "aaaaaaaaaaaaaaaa");
  Expected<Normalizer> made = Normalizer::create({grow, grow, grow});
  EXPECT_EQ(made.message(),
            "the normalizers can make text more than 512 times longer");
}

TEST(PreTokenizerTest, Behaviors) {
  auto splitDashes = [](SplitBehavior behavior) {
    return split({splitStep("-", behavior, 0)}, "a--b-");
  };
  EXPECT_EQ(splitDashes(SplitBehavior::Isolated),
            Words({"a", "-", "-", "b", "-"}));
  EXPECT_EQ(splitDashes(SplitBehavior::Removed), Words({"a", "b"}));
  EXPECT_EQ(splitDashes(SplitBehavior::MergedWithPrevious),
            Words({"a-", "-", "b-"}));
  EXPECT_EQ(splitDashes(SplitBehavior::MergedWithNext),
            Words({"a", "-", "-b", "-"}));
  EXPECT_EQ(splitDashes(SplitBehavior::Contiguous),
            Words({"a", "--", "b", "-"}));
  EXPECT_EQ(split({splitStep("[ab]", SplitBehavior::Removed, IsRegex | Invert)},
                  "xaby"),
            Words({"a", "b"}));
}

TEST(PreTokenizerTest, OtherSteps) {
  EXPECT_EQ(split({makeStep(StepKind::Digits)}, "a12b"),
            Words({"a", "12", "b"}));
  EXPECT_EQ(split({makeStep(StepKind::Digits, Individual)}, "12\xC2\xBD"),
            Words({"1", "2", "\xC2\xBD"}));
  EXPECT_EQ(split({makeStep(StepKind::WhitespaceSplit)}, " a\xE3\x80\x80z\n"),
            Words({"a", "z"}));
  TextStep punctuation = makeStep(StepKind::Punctuation);
  punctuation.behavior = SplitBehavior::Contiguous;
  EXPECT_EQ(split({punctuation}, "a!?$b\xE2\x80\xA6"),
            Words({"a", "!?$", "b", "\xE2\x80\xA6"}));
}

TEST(PreTokenizerTest, ByteLevel) {
  EXPECT_EQ(split({makeStep(StepKind::ByteLevel, UseRegex)}, "it's 12  cats"),
            Words({"it", "'s", " 12", " ", " cats"}));
  EXPECT_EQ(split({makeStep(StepKind::ByteLevel, AddPrefixSpace)}, "a b"),
            Words({" a b"}));
  // Steps behind it see its alphabet, in which the byte 0xB2 is a number.
  EXPECT_EQ(split({makeStep(StepKind::ByteLevel),
                   makeStep(StepKind::Digits, Individual)},
                  "a\xC3\xB2"),
            Words({"a\xC3", "\xB2"}));
}

TEST(PreTokenizerTest, PublishedExpressions) {
  const std::string llama =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  EXPECT_EQ(
      splitAt(llama, "I'LL pay 12345!!\n\n  now"),
      Words({"I", "'LL", " pay", " ", "123", "45", "!!\n\n", " ", " now"}));
  // U+180E is no white space, U+0085 is.
  EXPECT_EQ(splitAt("\\s", "a\xE1\xA0\x8E\xC2\x85"),
            Words({"a\xE1\xA0\x8E", "\xC2\x85"}));
  EXPECT_EQ(splitAt("[^\\S]+", "a \xE1\xA0\x8E"),
            Words({"a", " ", "\xE1\xA0\x8E"}));
}

TEST(PreTokenizerTest, RubysSyntax) {
  EXPECT_EQ(splitAt("a{1,2}+", "aaaaa"), Words({"aaaaa"})) << "no possession";
  EXPECT_EQ(splitAt("a{,2}b", "aab"), Words({"aab"}));
  EXPECT_EQ(splitAt("a++b", "aab"), Words({"aab"}));
  EXPECT_EQ(splitAt("a{x", "a{x"), Words({"a{x"}));
  EXPECT_EQ(splitAt("\\h+", "xaf0g"), Words({"x", "af0", "g"}));
  EXPECT_EQ(splitAt("(?i:K)", "k\xE2\x84\xAA"), Words({"k", "\xE2\x84\xAA"}));
  EXPECT_EQ(splitAt("^b", "b\nb"), Words({"b", "\n", "b"})) << "of lines";
  EXPECT_EQ(splitAt("\\p{Han}+", "a\xE4\xB8\xAD\xE6\x96\x87"),
            Words({"a", "\xE4\xB8\xAD\xE6\x96\x87"}));
}

TEST(PreTokenizerTest, EmptyMatchesSplit) {
  EXPECT_EQ(splitAt("x*", "axb"), Words({"a", "x", "b"}));
  EXPECT_EQ(splitAt("", "ab"), Words({"ab"})) << "there is no expression";
}

TEST(PreTokenizerTest, HostileExpressionsEnd) {
  Words words = splitAt("(a*)*(a*)*b", std::string(3000, 'a'));
  EXPECT_EQ(words, Words({std::string(3000, 'a')}));
}

/// Why an expression is refused, from behind its own text on.
std::string refusal(const std::string &pattern) {
  std::string message = toPcre2Syntax(pattern).message();
  size_t at = message.find("at byte");
  return at == std::string::npos ? message : message.substr(at);
}

TEST(RegexSyntaxTest, RefusesWhatDiffers) {
  EXPECT_EQ(refusal("a\\b"), "at byte 2, '\\b' is not supported");
  EXPECT_EQ(refusal("(a)\\1"), "at byte 4, '\\1' is not supported");
  EXPECT_EQ(refusal("[a[b]]"), "at byte 2, a set in a set is not supported");
  EXPECT_EQ(refusal("[a&&b]"),
            "at byte 2, an intersection of sets is not supported");
  EXPECT_EQ(refusal("(?x:a)"),
            "at byte 0, this kind of group is not supported");
  EXPECT_EQ(refusal("\\p{Foo}"),
            "at byte 3, the property 'Foo' is not supported");
  EXPECT_EQ(refusal("(?i:ss)"),
            "at byte 5, 'ss' where case is ignored is not supported");
  EXPECT_EQ(refusal("(a"), "at byte 2, a group is not closed");
  EXPECT_EQ(refusal("a)"), "at byte 1, a group is closed that was not opened");
  EXPECT_EQ(refusal("+"), "at byte 0, there is nothing to repeat");
  EXPECT_EQ(refusal("[b-a]"),
            "at byte 4, a range has no end, or ends before it begins");
  EXPECT_EQ(refusal("a\\"), "at byte 2, a backslash ends it");
  EXPECT_EQ(refusal("a{1000}"),
            "at byte 1, to repeat a thousand times or more is not supported");
}

TEST(PreTokenizerTest, RefusesStepsOutOfPlace) {
  EXPECT_EQ(PreTokenizer::create({makeStep(StepKind::Nfc)}).message(),
            "step 0 is no pre-tokenizer");
  EXPECT_EQ(Normalizer::create({makeStep(StepKind::Digits)}).message(),
            "step 19 is no normalizer");
  EXPECT_EQ(PreTokenizer::create(
                {makeStep(StepKind::ByteLevel), makeStep(StepKind::ByteLevel)})
                .message(),
            "expected neither ByteLevel nor Metaspace behind ByteLevel");
}

} // namespace
} // namespace sterna
