//===- LimitsTest.cpp - Hostile templates ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each would use up time, memory or the stack, and ends with one error instead.
//
//===----------------------------------------------------------------------===//

#include "RenderForTest.h"

#include <chrono>
#include <gtest/gtest.h>

namespace sterna::jinja {
namespace {

std::string times(const std::string &text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i)
    result += text;
  return result;
}

/// Watched code is slower by far.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STERNA_TEST_WATCHED
#endif
#endif
#if defined(STERNA_TEST_WATCHED) || defined(__SANITIZE_ADDRESS__)
constexpr std::chrono::seconds longest(60);
#else
constexpr std::chrono::seconds longest(5);
#endif

void expectRefused(const std::string &source) {
  auto start = std::chrono::steady_clock::now();
  std::string result = render(source);
  auto time = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(result.substr(0, 6), "error:") << source.substr(0, 80);
  EXPECT_LT(time, longest) << source.substr(0, 80);
}

TEST(JinjaLimits, Nesting) {
  expectRefused("{{ " + times("(", 100000) + "1" + times(")", 100000) + " }}");
  expectRefused("{{ " + times("[", 100000) + times("]", 100000) + " }}");
  expectRefused("{{ " + times("not ", 100000) + "1 }}");
  expectRefused("{{ " + times("- ", 100000) + "1 }}");
  expectRefused("{{ 1" + times(" + 1", 100000) + " }}");
  expectRefused("{{ 1" + times("|abs", 100000) + " }}");
  expectRefused("{{ a" + times(".a", 100000) + " }}");
  expectRefused("{{ 1" + times(" if 1 else 1", 50000) + " }}");
  expectRefused(times("{% if 1 %}", 50000) + times("{% endif %}", 50000));
  expectRefused("{% if 1 %}" + times("{% elif 1 %}", 50000) + "{% endif %}");
  expectRefused(times("{% for a in b %}", 50000));
}

TEST(JinjaLimits, Recursion) {
  expectRefused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
  expectRefused("{% macro f(x) %}{{ g((((x)))) }}{% endmacro %}"
                "{% macro g(x) %}{{ [[[f([x])]]] }}{% endmacro %}{{ f(1) }}");
  expectRefused("{% set ns = namespace(x=1) %}{% for i in range(1000) %}"
                "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}");
  // A circle through a namespace is freed, too.
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.me = ns %}"
                   "{% macro f() %}{% endmacro %}{% set ns.f = f %}ok"),
            "ok");
}

TEST(JinjaLimits, Time) {
  expectRefused(times("{% for i in range(100000) %}", 3) + "{{ i }}" +
                times("{% endfor %}", 3));
  expectRefused("{% set s = 'a' * 4000000 %}{{ s.find('a' * 2000000 ~ 'b') }}");
  expectRefused("{% set s = 'a' * 4000000 %}{% for i in range(100000) %}"
                "{% if s.startswith(s) %}{% endif %}{% endfor %}");
  expectRefused("{% set s = 'a' * 1000000 %}{{ ([s] * 100000)|unique|list }}");
  // Values that share parts have many more parts than bytes.
  std::string twice = "{% set x = [1] %}" + times("{% set x = [x, x] %}", 40);
  expectRefused(twice + "{{ x }}");
  expectRefused(twice + "{{ x|tojson }}");
  expectRefused(twice + "{{ x == x[:] }}");
}

TEST(JinjaLimits, Memory) {
  expectRefused("{{ 'a' * 10 ** 9 }}");
  expectRefused("{{ 'a' * 9223372036854775807 }}");
  expectRefused("{{ [1] * 10 ** 9 }}");
  expectRefused("{{ range(10 ** 12) }}");
  expectRefused("{{ 'x'|center(10 ** 12) }}");
  expectRefused("{{ '%1000000000d' % 1 }}");
  expectRefused("{{ [1]|batch(10 ** 12, 0)|list }}");
  expectRefused("{{ [1]|slice(10 ** 12)|list }}");
  expectRefused("{{ 'a'|indent(10 ** 12, true) }}");
  expectRefused("{{ [1]|tojson(indent=10 ** 12) }}");
  expectRefused("{{ ('a' * 10000000)|list|length }}");
  expectRefused("{{ ('a' * 10000000)|replace('', 'abcdefgh') }}");
  expectRefused("{{ (' ' * 10000000).split(' ')|length }}");
  std::string doubled = "{% set s = 'ab' %}{% set ns = namespace(s=s) %}"
                        "{% for i in range(64) %}";
  expectRefused(doubled + "{% set ns.s = ns.s ~ ns.s %}{% endfor %}");
  expectRefused(doubled + "{% set ns.s = ns.s + ns.s %}{% endfor %}");
  expectRefused("{% for i in range(100000) %}" + times("x", 10000) +
                "{% endfor %}");
  // Empty strings of different origins take memory without bytes.
  expectRefused("{% set ns = namespace(s=empty) %}{% for i in range(64) %}"
                "{% set ns.s = ns.s ~ messages[0].content[:0] ~ ns.s %}"
                "{% endfor %}");
}

TEST(JinjaLimits, Numbers) {
  expectRefused("{{ 9223372036854775807 + 1 }}");
  expectRefused("{{ 9223372036854775808 }}");
  expectRefused("{{ -9223372036854775807 - 2 }}");
  expectRefused("{{ 3037000500 * 3037000500 }}");
  expectRefused("{{ 2 ** 63 }}");
  expectRefused("{{ 2 ** 9223372036854775807 }}");
  expectRefused("{{ 1 // 0 }}");
  expectRefused("{{ 1 % 0 }}");
  expectRefused("{{ 1e300 * 1e300 | int }}");
  expectRefused("{{ ((-9223372036854775807) - 1) // -1 }}");
  expectRefused("{{ ((-9223372036854775807) - 1)|abs }}");
}

TEST(JinjaLimits, Source) {
  expectRefused(std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(render(std::string(1 << 20, 'x')).size(), size_t(1 << 20));
  expectRefused("\xFF");
  expectRefused("{% set x = {" + times("1: 2, ", 100000) + "} %}" +
                times("{{ x }}", 10000) + "{% endfor %}");
}

} // namespace
} // namespace sterna::jinja
