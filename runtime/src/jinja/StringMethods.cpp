//===- StringMethods.cpp - Methods of strings -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that Python's str has; those without a function are refused by name.
//
//===----------------------------------------------------------------------===//

#include "jinja/Format.h"
#include "jinja/Strings.h"
#include "jinja/Unicode.h"

#include <algorithm>
#include <iterator>

using namespace sterna;
using namespace sterna::jinja;

namespace {

/// The argument `index` as a string, if it was given and is not none.
const std::string *stringAt(Parameters &p, size_t index) {
  if (!p.has(index) || p[index].isNone())
    return nullptr;
  if (p[index].isString())
    return &p[index].asString();
  p.fail(std::string("expected a string, but got a ") + p[index].typeName());
  return nullptr;
}

template <Side side> Value stripMethod(Parameters &p) {
  const std::string *set = stringAt(p, 1);
  return p.runtime.string(strip(p[0].asText(), set, side));
}

template <Case kind> Value toCase(Parameters &p) {
  return p.runtime.string(changeCase(p, p[0].asText(), kind));
}

template <bool fromRight> Value splitMethod(Parameters &p) {
  const std::string *separator = stringAt(p, 1);
  if (separator && separator->empty())
    return p.fail("the separator is empty");
  return p.runtime.list(
      split(p, p[0].asText(), separator, p.integer(2, -1), fromRight));
}

Value splitLinesMethod(Parameters &p) {
  std::vector<Value> lines;
  for (Text &line : splitLines(p[0].asText(), p.truth(1)))
    lines.push_back(p.runtime.string(std::move(line)));
  return p.runtime.list(std::move(lines));
}

/// Whether a string begins, or ends, with another, or one of a tuple.
template <bool atEnd> Value hasAffix(Parameters &p) {
  const std::string &text = p[0].asString();
  auto fits = [&](const Value &affix) {
    if (!affix.isString()) {
      p.fail("expected a string or a tuple of strings");
      return false;
    }
    const std::string &part = affix.asString();
    return part.size() <= text.size() &&
           text.compare(atEnd ? text.size() - part.size() : 0, part.size(),
                        part) == 0;
  };
  if (!p[1].is(Value::Kind::Tuple))
    return Value::boolean(fits(p[1]));
  for (const Value &affix : p[1].items())
    if (fits(affix))
      return Value::boolean(true);
  return Value::boolean(false);
}

template <bool atEnd> Value removeAffix(Parameters &p) {
  const Text &text = p[0].asText();
  Value found = hasAffix<atEnd>(p);
  if (p.runtime.failed() || !p[1].isString())
    return p.fail("expected a string");
  if (!found.asBoolean())
    return p[0];
  size_t size = p[1].asText().size();
  return p.runtime.string(atEnd ? text.slice(0, text.size() - size)
                                : text.slice(size, text.size()));
}

Value replace(Parameters &p) {
  if (!p[1].isString() || !p[2].isString())
    return p.fail("expected strings");
  return p.runtime.string(replaceAll(p, p[0].asText(), p[1].asString(),
                                     p[2].asText(), p.integer(3, -1)));
}

/// The part of the string that is searched, in bytes.
bool searched(Parameters &p, size_t &begin, size_t &end) {
  const std::string &text = p[0].asString();
  if (!p[1].isString()) {
    p.fail("expected a string to look for");
    return false;
  }
  int64_t size = p[0].characters();
  auto clamp = [&](int64_t index) {
    return std::max<int64_t>(index + (index < 0 ? size : 0), 0);
  };
  int64_t first = clamp(p.integer(2)), last = clamp(p.integer(3, size));
  if (first > size || first > last)
    return false;
  begin = offsetOfCharacter(text, first);
  end = offsetOfCharacter(text, last);
  p.runtime.spendSearch(text.size(), p[1].asText().size());
  return !p.runtime.failed();
}

template <bool fromRight, bool mustBeFound> Value find(Parameters &p) {
  size_t begin = 0, end = 0, place = std::string::npos;
  const std::string &text = p[0].asString();
  if (searched(p, begin, end)) {
    std::string_view part = std::string_view(text).substr(begin, end - begin);
    place =
        fromRight ? part.rfind(p[1].asString()) : part.find(p[1].asString());
  }
  if (place == std::string::npos)
    return mustBeFound ? p.fail("the string does not occur")
                       : Value::integer(-1);
  return Value::integer(
      countCharacters(std::string_view(text).substr(0, begin + place)));
}

Value count(Parameters &p) {
  size_t begin = 0, end = 0;
  if (!searched(p, begin, end))
    return Value::integer(0);
  const std::string &part = p[1].asString();
  std::string_view text =
      std::string_view(p[0].asString()).substr(begin, end - begin);
  if (part.empty())
    return Value::integer(countCharacters(text) + 1);
  int64_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size()))
    ++found;
  return Value::integer(found);
}

Value joinMethod(Parameters &p) {
  return join(p, p[0].asText(), p.runtime.iterate(p[1]), true);
}

Value formatMethod(Parameters &p) {
  Dict named;
  for (auto &[name, value] : p.rest.named)
    named.set(name, std::move(value));
  return formatBraces(p.runtime, p[0], p.rest.positional, named);
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isAlpha(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
bool isAlphanumeric(char c) { return isDigit(c) || isAlpha(c); }

/// True where the string has characters, and all are of the class.
template <bool (*isOf)(char)> Value all(Parameters &p) {
  for (char c : p[0].asString())
    if (c & 0x80)
      return p.fail("characters beyond ASCII are not supported");
  const std::string &text = p[0].asString();
  return Value::boolean(!text.empty() &&
                        std::all_of(text.begin(), text.end(), isOf));
}

Value allSpace(Parameters &p) {
  const std::string &text = p[0].asString();
  return Value::boolean(!text.empty() && skipSpace(text, 0) == text.size());
}

Value allAscii(Parameters &p) {
  return Value::boolean(p[0].characters() == p[0].asString().size());
}

template <bool upper> Value allCase(Parameters &p) {
  Arguments arguments;
  arguments.positional.push_back(p[0]);
  return Value::boolean(applyTest(p.runtime,
                                  Value::string(upper ? "upper" : "lower"),
                                  std::move(arguments)));
}

/// Three parts: before the separator, itself, and after it.
template <bool fromRight> Value partition(Parameters &p) {
  const std::string *separator = stringAt(p, 1);
  if (!separator || separator->empty())
    return p.fail("expected a separator that is not empty");
  const Text &text = p[0].asText();
  if (!p.runtime.spendSearch(text.size(), separator->size()))
    return Value();
  size_t place = fromRight ? text.bytes().rfind(*separator)
                           : text.bytes().find(*separator);
  size_t end = text.size(), begin = place + separator->size();
  if (place == std::string::npos)
    place = begin = fromRight ? 0 : end;
  return p.runtime.tuple({p.runtime.string(text.slice(0, place)),
                          p.runtime.string(text.slice(place, begin)),
                          p.runtime.string(text.slice(begin, end))});
}

template <Side side> Value padMethod(Parameters &p) {
  if (p.has(2) && (!p[2].isString() || p[2].characters() != 1))
    return p.fail("expected one character to fill with");
  return p.runtime.string(pad(p, p[0].asText(), p.integer(1), side,
                              p.has(2) ? p[2].asString() : " "));
}

Value fillZeros(Parameters &p) {
  const Text &text = p[0].asText();
  bool sign =
      !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  Text out = text.slice(0, sign);
  out.append(pad(p, text.slice(sign, text.size()), p.integer(1) - sign,
                 Side::Left, "0"));
  return p.runtime.string(std::move(out));
}

const Method methods[] = {
    {{"strip", "/ self! chars", stripMethod<Side::Both>}},
    {{"lstrip", "/ self! chars", stripMethod<Side::Left>}},
    {{"rstrip", "/ self! chars", stripMethod<Side::Right>}},
    {{"split", "self! sep maxsplit", splitMethod<false>}},
    {{"rsplit", "self! sep maxsplit", splitMethod<true>}},
    {{"splitlines", "self! keepends", splitLinesMethod}},
    {{"startswith", "/ self! prefix!", hasAffix<false>}},
    {{"endswith", "/ self! suffix!", hasAffix<true>}},
    {{"removeprefix", "/ self! prefix!", removeAffix<false>}},
    {{"removesuffix", "/ self! suffix!", removeAffix<true>}},
    {{"replace", "/ self! old! new! count", replace}},
    {{"upper", "/ self!", toCase<Case::Upper>}},
    {{"lower", "/ self!", toCase<Case::Lower>}},
    {{"title", "/ self!", toCase<Case::Title>}},
    {{"capitalize", "/ self!", toCase<Case::Capitalized>}},
    {{"find", "/ self! sub! start end", find<false, false>}},
    {{"rfind", "/ self! sub! start end", find<true, false>}},
    {{"index", "/ self! sub! start end", find<false, true>}},
    {{"rindex", "/ self! sub! start end", find<true, true>}},
    {{"count", "/ self! sub! start end", count}},
    {{"join", "/ self! iterable!", joinMethod}},
    {{"format", "self! ...", formatMethod}},
    {{"partition", "/ self! sep!", partition<false>}},
    {{"rpartition", "/ self! sep!", partition<true>}},
    {{"center", "/ self! width! fillchar", padMethod<Side::Both>}},
    {{"ljust", "/ self! width! fillchar", padMethod<Side::Right>}},
    {{"rjust", "/ self! width! fillchar", padMethod<Side::Left>}},
    {{"zfill", "/ self! width!", fillZeros}},
    {{"isdigit", "/ self!", all<isDigit>}},
    {{"isdecimal", "/ self!", all<isDigit>}},
    {{"isnumeric", "/ self!", all<isDigit>}},
    {{"isalpha", "/ self!", all<isAlpha>}},
    {{"isalnum", "/ self!", all<isAlphanumeric>}},
    {{"isspace", "/ self!", allSpace}},
    {{"isascii", "/ self!", allAscii}},
    {{"islower", "/ self!", allCase<false>}},
    {{"isupper", "/ self!", allCase<true>}},
    {{"casefold", "", nullptr}},
    {{"encode", "", nullptr}},
    {{"expandtabs", "", nullptr}},
    {{"format_map", "", nullptr}},
    {{"isidentifier", "", nullptr}},
    {{"isprintable", "", nullptr}},
    {{"istitle", "", nullptr}},
    {{"maketrans", "", nullptr}},
    {{"swapcase", "", nullptr}},
    {{"translate", "", nullptr}},
};

} // namespace

const Table<Method> jinja::stringMethods = {methods, std::size(methods)};
