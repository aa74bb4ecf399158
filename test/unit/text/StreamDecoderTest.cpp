//===- StreamDecoderTest.cpp - Unit tests of StreamDecoder ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Streaming gives whole characters only, and together the same text as decoding
// at once.
//
//===----------------------------------------------------------------------===//

#include "text/StreamDecoder.h"
#include "text/SmallVocabulary.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

TEST(StreamDecoderTest, HoldsBackIncompleteCharacters) {
  SentencePieceTokenizer tokenizer = byteTokenizer();
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(byteToken('\xF0')), "");
  EXPECT_EQ(decoder.push(byteToken('\x9F')), "");
  EXPECT_EQ(decoder.push(byteToken('\x98')), "");
  EXPECT_EQ(decoder.push(byteToken('\x81')), "\xF0\x9F\x98\x81");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoderTest, ReplacesBrokenSequences) {
  const std::string bad = "\xEF\xBF\xBD";
  auto decode = [](const std::string &bytes) {
    SentencePieceTokenizer tokenizer = byteTokenizer();
    StreamDecoder decoder(tokenizer);
    std::string text;
    for (char byte : bytes)
      text += decoder.push(byteToken(byte));
    return text + decoder.finish();
  };
  EXPECT_EQ(decode("a\x80z"), "a" + bad + "z");
  EXPECT_EQ(decode("\xC3"), bad);
  EXPECT_EQ(decode("\xC3(\xC3\xA4"), bad + "(\xC3\xA4");
  EXPECT_EQ(decode("\xC0\xAF"), bad + bad) << "overlong";
  EXPECT_EQ(decode("\xED\xA0\x80"), bad + bad + bad) << "surrogate";
  EXPECT_EQ(decode("\xF0\x9F\x98"), bad);
  EXPECT_EQ(decode("\xFF\xFE"), bad + bad);
}

TEST(StreamDecoderTest, RemovesTheFirstSpaceOnlyAtTheStart) {
  SentencePieceTokenizer tokenizer =
      makeTokenizer(smallVocabulary({"\xE2\x96\x81"
                                     "a",
                                     "\xE2\x96\x81"}));
  StreamDecoder start(tokenizer);
  EXPECT_EQ(start.push(1), "");
  EXPECT_EQ(start.push(259), "a");
  EXPECT_EQ(start.push(259), " a");
  StreamDecoder middle(tokenizer, /*atStart=*/false);
  EXPECT_EQ(middle.push(259), " a");
}

} // namespace
} // namespace sterna
