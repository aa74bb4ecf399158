//===- LanguageTest.cpp - What templates mean -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Expressions, statements and white space, with results worked out by hand.
// test/oracle/jinja_oracle.py compares many more with Jinja2.
//
//===----------------------------------------------------------------------===//

#include "RenderForTest.h"

#include <gtest/gtest.h>

namespace sterna::jinja {
namespace {

struct Case {
  const char *source, *expected;
};

void check(std::initializer_list<Case> cases) {
  for (const Case &each : cases)
    EXPECT_EQ(render(each.source), each.expected) << each.source;
}

TEST(JinjaLanguage, LiteralsAndPrinting) {
  check({{"{{ 1 }}{{ 1.0 }}{{ 'a' 'b' }}{{ none }}{{ true }}{{ missing }}",
          "11.0abNoneTrue"},
         {"{{ [1, 'it\\'s', none, (1,)] }}", "[1, \"it's\", None, (1,)]"},
         {"{{ {'a': [1.5e300, 1e-7]} }}", "{'a': [1.5e+300, 1e-07]}"},
         {"{{ 0x1F + 0b11 + 0o7 + 1_000 }}", "1041"},
         {"{{ '\\u00e9\\x41\\n\\q' }}", "\xC3\xA9"
                                        "A\n\\q"},
         {"{{ 1e16 }} {{ 123456789012345.0 }} {{ 0.1 + 0.2 }}",
          "1e+16 123456789012345.0 0.30000000000000004"}});
}

TEST(JinjaLanguage, Operators) {
  check({{"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }}", "3 -4 2 3.5"},
         {"{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }}", "64 4 0.5"},
         {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == true }}", "True False True"},
         {"{{ 'b' in 'abc' }} {{ 4 not in [1] }} {{ 'k' in {'k': 1} }}",
          "True True True"},
         {"{{ 1 ~ 'a' ~ none }} {{ 'x' + 1 ~ 2 }}", "1aNone x12"},
         {"{{ '' or 'x' }} {{ 0 and 1 }} {{ not 1 }}", "x 0 False"},
         {"{{ 'a' if false }}|{{ 'a' if 1 else 'b' }}", "|a"},
         {"{{ 'ab' * 2 + 'c' }} {{ [1] + [2] }}", "ababc [1, 2]"},
         {"{% set x = 2 %}{{ -2 ** x }}",
          "error: line 1 of the template: a negative constant before ** is not "
          "supported; set a variable to it"},
         {"{{ 'a' + 1 }}", "error: line 1 of the template: cannot apply + to "
                           "str and int"}});
}

TEST(JinjaLanguage, AttributesAndItems) {
  check(
      {{"{{ messages[0].role }} {{ messages[-1]['role'] }}", "user assistant"},
       {"{{ messages[5] is defined }} {{ messages[0].nothing }}|", "False |"},
       {"{{ messages[5].role }}",
        "error: line 1 of the template: a list has no such item"},
       {"{{ {'items': 1}['items'] }}", "1"},
       {"{{ 'h\xC3\xA9llo'[1] }}{{ 'abcdef'[4:1:-2] }}{{ [1, 2, 3][-2:] }}",
        "\xC3\xA9"
        "ec[2, 3]"},
       {"{{ [1].append(2) }}",
        "error: line 1 of the template: the method 'append' would change a "
        "list, and values cannot be changed"}});
}

TEST(JinjaLanguage, WhiteSpace) {
  check({{"a\n  {% if 1 %}\nb\n  {% endif %}\nc\n", "a\nb\nc"},
         {"a  {%- if 1 -%}  b  {%- endif %}", "ab"},
         {"  {%+ if 1 %}x{% endif +%}\ny", "  x\ny"},
         {"a {{- ' b ' -}} c", "a b c"},
         {"x {# note #}\ny", "x y"},
         {"{% raw %}{{ x }}{% endraw %}", "{{ x }}"},
         {"a\r\nb\rc", "a\nb\nc"}});
}

TEST(JinjaLanguage, Loops) {
  check({{"{% for i in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}"
          "{{ ',' if not loop.last }}{% endfor %}",
          "1/3,2/3,3/3"},
         {"{% for i in range(5) if i is odd %}{{ i }}{{ loop.first }}"
          "{% endfor %}",
          "1True3False"},
         {"{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"},
         {"{% for i in [] %}x{% else %}none{% endfor %}", "none"},
         {"{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}"
          "{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
          "02"},
         {"{% for i in 'ab' %}{{ loop.previtem }}{{ loop.nextitem }}."
          "{{ loop.cycle('x', 'y') }}{% endfor %}",
          "b.xa.y"}});
}

TEST(JinjaLanguage, Scopes) {
  check({{"{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}"
          "{{ x }}",
          "21"},
         {"{% set ns = namespace(x=1) %}{% for i in [1, 2] %}"
          "{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
          "4"},
         {"{% if 1 %}{% set x = 1 %}{% endif %}{{ x }}", "1"},
         {"{% with x = 1 %}{{ x }}{% endwith %}{{ x }}", "1"},
         {"{% set a, b = 1, 2 %}{{ a + b }}", "3"},
         {"{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1"},
         {"{% set x | upper %}a{% endset %}{{ x }}", "A"},
         // Set before it is read, so the loop does not see the argument.
         {"{% for i in [1] %}[{{ bos_token }}]{% endfor %}"
          "{% set bos_token = 1 %}",
          "[]"},
         {"{% for loop in [1] %}{% endfor %}",
          "error: line 1 of the template: the variable 'loop' is the loop's "
          "own"}});
}

TEST(JinjaLanguage, Macros) {
  check({{"{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}"
          "{{ f(1) }} {{ f(1, c=3) }}",
          "121 123"},
         {"{% macro f() %}<{{ caller() }}>{% endmacro %}"
          "{% call f() %}x{% endcall %}",
          "<x>"},
         {"{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}"
          "{{ f(1, 2, k=3) }}",
          "(2,){'k': 3}"},
         {"{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}", "1"},
         {"{% macro f() %}{% endmacro %}{{ f(1) }}",
          "error: line 1 of the template: the macro 'f' takes 0 arguments, but "
          "got more"}});
}

TEST(JinjaLanguage, FiltersAndTests) {
  check({{"{{ ' a '|trim }}{{ 'ab'|upper|lower|capitalize }}", "aAb"},
         {"{{ [3, 1, 2]|sort|join('-') }} {{ ['b', 'A']|sort }}",
          "1-2-3 ['A', 'b']"},
         {"{{ [1, 2, 3]|select('odd')|list }} {{ [1, 2]|sum }}", "[1, 3] 3"},
         {"{{ messages|selectattr('role', 'eq', 'user')|list|length }}", "1"},
         {"{{ messages|map(attribute='role')|join(', ') }}", "user, assistant"},
         {"{{ {'b': 1, 'a': [true, none]}|tojson }}",
          "{\"b\": 1, \"a\": [true, null]}"},
         {"{{ {'a': [1]}|tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ]\n}"},
         {"{{ 2.5|round }} {{ 42.55|round(1, 'floor') }} {{ '7.9'|int }}",
          "2.0 42.5 7"},
         {"{{ 'gr\xC3\xBC\xC3\x9F'|length }} {{ 'gr\xC3\xBC'|upper }}",
          "4 GR\xC3\x9C"},
         {"{{ '\xC3\x9F'|upper }}",
          "error: line 1 of the template: upper: the other case of '\xC3\x9F' "
          "is not supported"},
         {"{{ 1 is number and 'a' is string and x is not defined }}", "True"},
         {"{{ 6 is divisibleby 3 }} {{ [] is sequence }}", "True True"},
         {"{{ 'a-b c'|title }} {{ 'x'|default('y') }} {{ z|d('y') }}",
          "A-B C x y"}});
}

TEST(JinjaLanguage, Refusals) {
  check(
      {{"a\n{{ raise_exception('no ' ~ 'way') }}",
        "error: line 2 of the template: the template says: no way"},
       {"{% include 'x' %}", "error: line 1 of the template: the tag "
                             "{% include %} is not supported here"},
       {"{{ x|urlize }}", "error: line 1 of the template: the filter "
                          "'urlize' is not supported"},
       {"{% if 0 %}{{ x|urlize }}{% endif %}ok", "ok"},
       {"{{ 1 is odder }}",
        "error: line 1 of the template: the test 'odder' is not supported"},
       {"{{ 'a'.encode() }}",
        "error: line 1 of the template: the method 'encode' of a str is not "
        "supported"},
       {"\n{% if %}", "error: line 2 of the template: expected an "
                      "expression, but found the end of the tag"},
       {"{% for x in y %}", "error: line 1 of the template: expected "
                            "{% endfor %}, but found the end of the template"},
       {"{{ x", "error: line 1 of the template: an expression {{ has no end "
                "}}"},
       {"{{ missing + 1 }}",
        "error: line 1 of the template: 'missing' is undefined"},
       {"{{ range }}",
        "error: line 1 of the template: writing a function as text is not "
        "supported; write its items, as of |list"}});
}

TEST(JinjaLanguage, TimeIsTheCallers) {
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 26;
  auto parsed = Template::parse("{{ strftime_now('%d %m %Y') }}");
  ASSERT_TRUE(parsed.ok());
  auto rendered = parsed->render(testContext(), {}, &now);
  ASSERT_TRUE(rendered.ok());
  EXPECT_EQ(rendered->text.bytes(), "26 07 2024");
}

} // namespace
} // namespace sterna::jinja
