//===- ProvenanceTest.cpp - Where each byte of a rendering came from ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Strings of the caller keep their origin through operations, and what the
// assistant wrote is marked.
//
//===----------------------------------------------------------------------===//

#include "RenderForTest.h"

#include <gtest/gtest.h>

namespace sterna::jinja {
namespace {

TEST(JinjaProvenance, OutputIsInRuns) {
  EXPECT_EQ(
      renderMarked("{% for m in messages %}<{{ m.content }}>{% endfor %}"),
      "<0[ Hi! ]><1[a,b]>");
  EXPECT_EQ(
      renderMarked("{{ messages[0].content + '.' ~ messages[1].content }}"),
      "0[ Hi! ].1[a,b]");
}

TEST(JinjaProvenance, EmptyStringsStay) {
  EXPECT_EQ(renderMarked("<{{ empty }}>"), "<5[]>");
  EXPECT_EQ(renderMarked("<{{ empty|trim + 'x' }}>"), "<5[]x>");
  EXPECT_EQ(renderMarked("<{{ empty.split('x')[0] }}>"), "<5[]>");
  EXPECT_EQ(renderMarked("<{{ ('  '~empty)|trim }}>"), "<5[]>");
  EXPECT_EQ(renderMarked("<{{ empty|upper|replace('a', 'b') }}>"), "<5[]>");
}

TEST(JinjaProvenance, SurvivesStringOperations) {
  const std::pair<const char *, const char *> cases[] = {
      {"messages[0].content|trim", "0[Hi!]"},
      {"messages[0].content.strip(' !')", "0[Hi]"},
      {"messages[0].content[1:3]", "0[Hi]"},
      {"messages[0].content[::-1]", "0[ !iH ]"},
      {"messages[0].content[1]", "0[H]"},
      {"messages[0].content|upper", "0[ HI! ]"},
      {"messages[1].content|capitalize", "1[A,b]"},
      {"messages[1].content.split(',')[1]", "1[b]"},
      {"messages[1].content|replace(',', '-')", "1[a]-1[b]"},
      {"'x,y'|replace(',', messages[1].content)", "x1[a,b]y"},
      {"messages|map(attribute='content')|join('|')", "0[ Hi! ]|1[a,b]"},
      {"messages[1].content * 2", "1[a,ba,b]"},
      {"'%s!' % messages[1].content", "1[a,b]!"},
      {"'<{}>'.format(messages[1].content)", "<1[a,b]>"},
      {"missing|default(messages[1].content)", "1[a,b]"},
      {"(messages[1].content ~ '\\nz')|indent(1)", "1[a,b]\n z"},
      {"[messages[1].content]", "['1[a,b]']"},
      {"messages[1]|tojson",
       "{\"role\": \"assistant\", \"content\": \"1[a,b]\"}"},
      {"('\"' ~ messages[1].content)|tojson", "\"\\\"1[a,b]\""}};
  for (auto [expression, expected] : cases)
    EXPECT_EQ(renderMarked(std::string("{{ ") + expression + " }}"), expected)
        << expression;
}

TEST(JinjaProvenance, EscapesBelongToWhatTheyEscape) {
  Dict context;
  context.set("x", Value::string("a\nb", 3));
  auto parsed = Template::parse("{{ x|tojson }}");
  ASSERT_TRUE(parsed.ok());
  auto rendered = parsed->render(Value::dict(std::move(context)));
  ASSERT_TRUE(rendered.ok()) << rendered.message();
  EXPECT_EQ(rendered->text.bytes(), "\"a\\nb\"");
  ASSERT_EQ(rendered->text.runs().size(), 3u);
  EXPECT_EQ(rendered->text.runs()[1].length, 4u);
  EXPECT_EQ(rendered->text.runs()[1].origin, 3);
}

TEST(JinjaProvenance, SurvivesMacrosAndBlocks) {
  EXPECT_EQ(renderMarked("{% macro f(x) %}({{ x }}){% endmacro %}"
                         "{{ f(messages[1].content) }}"),
            "(1[a,b])");
  EXPECT_EQ(renderMarked("{% set t %}-{{ messages[1].content }}{% endset %}"
                         "{{ t|upper }}"),
            "-1[A,B]");
}

TEST(JinjaProvenance, GenerationsAreReported) {
  auto parsed = Template::parse(
      "{% for m in messages %}{% if m.role == 'assistant' %}A:"
      "{% generation %}{{ m.content + eos_token }}{% endgeneration %}."
      "{% else %}U:{{ m.content }};{% endif %}{% endfor %}");
  ASSERT_TRUE(parsed.ok()) << parsed.message();
  EXPECT_TRUE(parsed->marksGenerations());
  auto rendered = parsed->render(testContext());
  ASSERT_TRUE(rendered.ok()) << rendered.message();
  EXPECT_EQ(rendered->text.bytes(), "U: Hi! ;A:a,b</s>.");
  ASSERT_EQ(rendered->generations.size(), 1u);
  EXPECT_EQ(rendered->generations[0].begin, 10u);
  EXPECT_EQ(rendered->generations[0].end, 17u);
}

TEST(JinjaProvenance, ReadsNames) {
  auto parsed =
      Template::parse("{% if tools %}{{ tools }}{% endif %}{{ a.b }}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->reads("tools"));
  EXPECT_TRUE(parsed->reads("a"));
  EXPECT_FALSE(parsed->reads("b"));
  EXPECT_FALSE(parsed->reads("documents"));
  EXPECT_FALSE(parsed->marksGenerations());
}

} // namespace
} // namespace sterna::jinja
