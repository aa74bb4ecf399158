//===- Regex.h - Regular expressions over UTF-8 ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows PCRE2: published expressions are compiled, to
// machine code where the system lets it, and searched for within limits.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_REGEX_H
#define STERNA_RUNTIME_TEXT_REGEX_H

#include "io/Status.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace sterna {

/// A compiled expression; immutable, and shared by its copies.
class Regex {
public:
  /// Compiles an expression in the syntax that RegexSyntax.h describes.
  static Expected<Regex> compile(std::string_view pattern);

private:
  friend class RegexMatcher;
  std::shared_ptr<const pcre2_real_code_8> code;
};

/// A match: bytes from `begin` to `end`.
struct RegexMatch {
  size_t begin = 0;
  size_t end = 0;
};

/// Searches for one expression; for one thread.
class RegexMatcher {
public:
  explicit RegexMatcher(const Regex &regex);

  /// The first match in `text`, which is valid UTF-8, at or behind the byte
  /// `from`. A search that needs more steps than any sensible expression takes
  /// finds nothing.
  std::optional<RegexMatch> find(std::string_view text, size_t from);

private:
  struct Free {
    void operator()(pcre2_real_match_data_8 *data) const;
    void operator()(pcre2_real_match_context_8 *context) const;
  };

  std::shared_ptr<const pcre2_real_code_8> code;
  std::unique_ptr<pcre2_real_match_data_8, Free> data;
  std::unique_ptr<pcre2_real_match_context_8, Free> context;
};

/// The matches of an expression in a text, one after the other. An empty match
/// right behind another match does not count.
class RegexIterator {
public:
  RegexIterator(RegexMatcher &matcher, std::string_view text)
      : matcher(matcher), text(text) {}

  std::optional<RegexMatch> next();

private:
  RegexMatcher &matcher;
  std::string_view text;
  size_t position = 0;
  std::optional<size_t> lastEnd;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_REGEX_H
