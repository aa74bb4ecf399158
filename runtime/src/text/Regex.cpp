//===- Regex.cpp - Regular expressions over UTF-8 -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Regex.h.
//
//===----------------------------------------------------------------------===//

#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/Regex.h"

#include "io/Escape.h"
#include "text/RegexSyntax.h"
#include "text/Unicode.h"

#include <algorithm>
#include <pcre2.h>

using namespace sterna;

namespace {

/// Longer expressions are no one's.
constexpr size_t longestPattern = 1 << 14;

/// Steps that a search may take for each byte of text. Expressions that look at
/// each character once for each of their parts need a few dozen.
constexpr size_t stepsPerByte = 64;
constexpr size_t fewestSteps = 10000;

/// KiB of memory for what a search may have to try again.
constexpr uint32_t heapLimit = 64 << 10;

struct FreeCompileContext {
  void operator()(pcre2_compile_context *context) const {
    pcre2_compile_context_free(context);
  }
};

std::string describeError(int code) {
  PCRE2_UCHAR8 text[160] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}

} // namespace

Expected<Regex> Regex::compile(std::string_view pattern) {
  auto fail = [&](const std::string &why) {
    return Status::error("the regular expression '" + excerpt(pattern, 80) +
                         "' cannot be used: " + why);
  };
  if (pattern.size() > longestPattern)
    return fail("it has more than " + std::to_string(longestPattern) +
                " bytes");
  Expected<std::string> translated = toPcre2Syntax(pattern);
  if (!translated.ok())
    return translated.status();
  std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  if (!context)
    return fail("memory ran out");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR8>(translated->data()), translated->size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE |
          PCRE2_NEVER_BACKSLASH_C,
      &error, &offset, context.get());
  if (!code)
    return fail(describeError(error));
  // Interpreted, not compiled to machine code: the runtime makes nothing
  // executable while it runs.
  Regex regex;
  regex.code = std::shared_ptr<const pcre2_code>(
      code, [](pcre2_code *owned) { pcre2_code_free(owned); });
  return regex;
}

void RegexMatcher::Free::operator()(pcre2_match_data *data) const {
  pcre2_match_data_free(data);
}

void RegexMatcher::Free::operator()(pcre2_match_context *context) const {
  pcre2_match_context_free(context);
}

RegexMatcher::RegexMatcher(const Regex &regex)
    : code(regex.code), data(pcre2_match_data_create(1, nullptr)),
      context(pcre2_match_context_create(nullptr)) {
  if (context)
    pcre2_set_heap_limit(context.get(), heapLimit);
}

std::optional<RegexMatch> RegexMatcher::find(std::string_view text,
                                             size_t from) {
  if (!data || !context)
    return std::nullopt;
  size_t steps = fewestSteps + stepsPerByte * (text.size() - from);
  pcre2_set_match_limit(context.get(), static_cast<uint32_t>(std::min<size_t>(
                                           steps, UINT32_MAX)));
  int found = pcre2_match(
      code.get(), reinterpret_cast<PCRE2_SPTR8>(text.data()), text.size(), from,
      PCRE2_NO_UTF_CHECK, data.get(), context.get());
  if (found < 0)
    return std::nullopt;
  const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data.get());
  return RegexMatch{offsets[0], offsets[1]};
}

std::optional<RegexMatch> RegexIterator::next() {
  while (position <= text.size()) {
    std::optional<RegexMatch> match = matcher.find(text, position);
    if (!match) {
      position = text.size() + 1;
      return std::nullopt;
    }
    position = match->end;
    if (match->begin == match->end) {
      // Go on behind the next character, or beyond the end.
      std::string_view rest = text.substr(position);
      position += rest.empty() ? 1 : firstCharacter(rest).length;
      if (lastEnd == match->end)
        continue;
    }
    lastEnd = match->end;
    return match;
  }
  return std::nullopt;
}
