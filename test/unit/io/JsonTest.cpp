//===- JsonTest.cpp - Unit tests of io/Json.h and io/Escape.h -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values of every kind, limits at and beyond their edge, and where and why text
// that is no JSON cannot be read.
//
//===----------------------------------------------------------------------===//

#include "io/Json.h"

#include "io/Escape.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sterna {
namespace {

using Json = nlohmann::json;

std::string nested(size_t depth, char open, char close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i)
    text += open == '{' ? "{\"a\":" : "[";
  return text + "1" + std::string(depth, close);
}

TEST(JsonTest, ReadsWhatItIs) {
  for (const char *text :
       {"null", "true", "1", "-1", "18446744073709551615", "-1.5e300", "\"\"",
        "\"a\\u00e4\\ud83d\\ude00\"", "[]", "{}", "[[],{},[1,[2,3],4],5]",
        "{\"b\":[1,{\"c\":null}],\"a\":{\"b\":{}},\"\":\"x\"}", " [ 1 ] \n"}) {
    Expected<Json> value = parseJson(text);
    ASSERT_TRUE(value.ok()) << value.message();
    EXPECT_EQ(*value, Json::parse(text)) << text;
  }
}

TEST(JsonTest, SaysWhereAndWhy) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "line 1, column 1: invalid JSON: unexpected end of input"},
      {"[1,\n 2,,3]", "line 2, column 4: invalid JSON: unexpected ','"},
      {"{\"a\":1,}", "column 8: invalid JSON: unexpected '}'"},
      {"{'a':1}", "column 2: {}strings stand in double quotes"},
      {"[NaN]", "column 2: {}NaN and Infinity are no JSON"},
      {"[-Infinity]", "column 3: {}NaN and Infinity are no JSON"},
      {"[None]", "column 2: {}write null"},
      {"[True]", "column 2: {}small letters"},
      {"[1e999]", "number overflow"},
      {"[\"\xC3\xA4\xC3\xA4\t\"]", "column 5: {}control character U+0009"},
      {"[\"\xE4\"]", "{}convert the text to UTF-8"},
      {"[\"\\ud83d\"]", "{}cut inside of a character"},
      {"[\"\\udc00\"]", "{}surrogate"},
      {"{\"a\":1,\"b\":{},\"a\":2}", "column 17: the key 'a' occurs twice"},
      {"{\"\\n\":1,\"\\n\":2}", "the key '\\n' occurs twice"},
      {"1 2", "column 3: invalid JSON: unexpected number literal; expected "
              "end of input"},
  };
  for (const auto &[text, expected] : cases) {
    Expected<Json> value = parseJson(text);
    ASSERT_FALSE(value.ok()) << text;
    // "{}" stands for words between.
    std::string rest = expected;
    size_t position = 0;
    for (size_t gap; !rest.empty();
         rest.erase(0, gap == std::string::npos ? gap : gap + 2)) {
      gap = rest.find("{}");
      position = value.message().find(rest.substr(0, gap), position);
      EXPECT_NE(position, std::string::npos)
          << text << ": " << value.message() << "\nexpected: " << expected;
    }
  }
}

TEST(JsonTest, MessagesStayShort) {
  for (const std::string &text :
       {"\"" + std::string(1 << 20, 'x') + "\n\"", std::string(1 << 20, '7'),
        "{\"" + std::string(1 << 20, 'k') + "\":1,\"" +
            std::string(1 << 20, 'k') + "\":1}"}) {
    Expected<Json> value = parseJson(text);
    if (!value.ok())
      EXPECT_LT(value.message().size(), 400u) << value.message();
  }
}

TEST(JsonTest, LimitsDepth) {
  for (size_t depth : {1u, 2u, 63u, 64u})
    for (const char *kind : {"[]", "{}"})
      EXPECT_TRUE(parseJson(nested(depth, kind[0], kind[1])).ok()) << depth;
  for (size_t depth : {65u, 66u, 1000u, 100000u, 1000000u})
    for (const char *kind : {"[]", "{}"}) {
      Expected<Json> value = parseJson(nested(depth, kind[0], kind[1]));
      ASSERT_FALSE(value.ok());
      EXPECT_NE(value.message().find("nested more than 64 deep"),
                std::string::npos)
          << value.message();
    }
  JsonLimits flat;
  flat.depth = 1;
  EXPECT_TRUE(parseJson("[1]", flat).ok());
  EXPECT_FALSE(parseJson("[[1]]", flat).ok());
}

TEST(JsonTest, LimitsTheNumberOfValues) {
  JsonLimits limits;
  limits.values = 5;
  EXPECT_TRUE(parseJson("[1,2,[3]]", limits).ok());
  EXPECT_TRUE(parseJson("{\"a\":1,\"b\":2,\"c\":[]}", limits).ok());
  Expected<Json> value = parseJson("[1,2,[3],4]", limits);
  ASSERT_FALSE(value.ok());
  EXPECT_NE(value.message().find("it has more than 5 values"),
            std::string::npos)
      << value.message();
}

TEST(EscapeTest, OneLineOfText) {
  EXPECT_EQ(escapeControls("plain \xC3\xA4 \xF0\x9F\x98\x81"),
            "plain \xC3\xA4 \xF0\x9F\x98\x81");
  EXPECT_EQ(escapeControls("a\nb\r\tc\x1b[31m\x7f"),
            "a\\nb\\r\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(escapeControls("\xC2\x9B!\xFF\xC3"), "\\xc2\\x9b!\\xff\\xc3");
  EXPECT_EQ(escapeControls(std::string(2, '\0')), "\\x00\\x00");
  EXPECT_EQ(excerpt("\xC3\xA4\xC3\xA4\xC3\xA4", 2), "\xC3\xA4\xC3\xA4...");
  EXPECT_EQ(excerpt("abc", 3), "abc");
}

} // namespace
} // namespace sterna
