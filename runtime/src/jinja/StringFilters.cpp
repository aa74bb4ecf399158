//===- StringFilters.cpp - Filters that give strings and numbers ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The filters on one value. Those on many are in ListFilters.cpp.
//
//===----------------------------------------------------------------------===//

#include "jinja/Format.h"
#include "jinja/Numbers.h"
#include "jinja/Operators.h"
#include "jinja/Print.h"
#include "jinja/Strings.h"
#include "jinja/Unicode.h"

#include <algorithm>
#include <iterator>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

Value trim(Parameters &p) {
  bool hasSet = p.has(1) && !p[1].isNone();
  if (hasSet && !p[1].isString())
    return p.fail("expected a string of characters to trim");
  return p.runtime.string(
      strip(p.text(0), hasSet ? &p[1].asString() : nullptr, Side::Both));
}

template <Case kind> Value toCase(Parameters &p) {
  return p.runtime.string(changeCase(p, p.text(0), kind));
}

Value replace(Parameters &p) {
  Text text = p.text(0), from = p.text(1), to = p.text(2);
  return p.runtime.string(
      replaceAll(p, text, from.bytes(), to, p.integer(3, -1)));
}

Value defaultValue(Parameters &p) {
  bool take = p[0].isUndefined() || (p.truth(2) && !isTrue(p[0]));
  if (!take)
    return p[0];
  return p.has(1) ? p[1] : p.runtime.string("");
}

Value string(Parameters &p) { return toString(p.runtime, p[0]); }

Value indent(Parameters &p) {
  if (!p[0].isString())
    return p[0].isUndefined() ? p.runtime.fail(p[0].undefinedMessage())
                              : p.fail("expected a string");
  Text space;
  if (p.has(1) && p[1].isString())
    space = p[1].asText();
  else if (int64_t width = p.integer(1, 4);
           width > 0 && p.runtime.fits(size_t(width)))
    space = Text(std::string(width, ' '));
  Text text = p[0].asText();
  text.append("\n");
  std::vector<Text> lines = splitLines(text, false);
  Text out;
  if (p.truth(2))
    out.append(space);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) {
      out.append("\n");
      if (p.truth(3) || !lines[i].empty())
        out.append(space);
    }
    out.append(lines[i]);
    if (!p.runtime.spend() || !p.runtime.fits(out.weight()))
      return Value();
  }
  return p.runtime.string(std::move(out));
}

Value center(Parameters &p) {
  return p.runtime.string(pad(p, p.text(0), p.integer(1, 80), Side::Both));
}

Value truncate(Parameters &p) {
  if (!p[0].isString())
    return p.fail("values other than strings are not supported");
  const Text &text = p[0].asText();
  int64_t length = p.integer(1, 255), leeway = p.integer(4, 5);
  Text end = p.text(3, "...");
  int64_t mark = countCharacters(end.bytes());
  if (length < mark || leeway < 0)
    return p.fail("the length is less than that of the end");
  if (int64_t(p[0].characters()) - leeway <= length)
    return p[0];
  size_t cut = offsetOfCharacter(text.bytes(), length - mark);
  if (!p.truth(2) && cut) {
    size_t space = text.bytes().rfind(' ', cut - 1);
    cut = space == std::string::npos ? cut : space;
  }
  Text out = text.slice(0, cut);
  out.append(end);
  return p.runtime.string(std::move(out));
}

Value countWords(Parameters &p) {
  int64_t words = 0;
  bool inWord = false;
  Text text = p.text(0);
  for (char c : text.bytes()) {
    if (c & 0x80)
      return p.fail("characters beyond ASCII are not supported");
    bool isWord = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') || c == '_';
    words += isWord && !inWord;
    inWord = isWord;
  }
  return Value::integer(words);
}

Value markup(Parameters &p, Text text) {
  Value value = p.runtime.string(std::move(text));
  if (!p.runtime.failed())
    static_cast<StringObject &>(*value.object()).markup = true;
  return value;
}

Value safe(Parameters &p) { return markup(p, p.text(0)); }

Value escapeHtml(Parameters &p) {
  static const std::pair<char, const char *> escapes[] = {{'&', "&amp;"},
                                                          {'<', "&lt;"},
                                                          {'>', "&gt;"},
                                                          {'\'', "&#39;"},
                                                          {'"', "&#34;"}};
  Text text = p.text(0);
  for (auto [from, to] : escapes) {
    // What replaces a character of a message stays the message's.
    Text out;
    OriginCursor origins(text);
    size_t kept = 0;
    const std::string &bytes = text.bytes();
    for (size_t i = bytes.find(from); i != std::string::npos;
         i = bytes.find(from, i + 1)) {
      if (i > kept)
        out.append(text, kept, i);
      out.append(to, origins.at(i));
      kept = i + 1;
      if (!p.runtime.spend() || !p.runtime.fits(out.weight()))
        return Value();
    }
    if (kept < bytes.size() || bytes.empty())
      out.append(text, kept, bytes.size());
    text = std::move(out);
  }
  return markup(p, std::move(text));
}

Value format(Parameters &p) {
  Value text = toString(p.runtime, p[0]);
  if (p.runtime.failed())
    return Value();
  if (p.rest.named.empty())
    return formatPercent(p.runtime, text,
                         p.runtime.tuple(std::move(p.rest.positional)));
  if (!p.rest.positional.empty())
    return p.fail("arguments with and without names cannot be mixed");
  Dict named;
  for (auto &[name, value] : p.rest.named)
    named.set(name, std::move(value));
  return formatPercent(p.runtime, text, p.runtime.dict(std::move(named)));
}

Value toJson(Parameters &p) {
  JsonStyle style;
  style.ascii = p.truth(1);
  if (p.has(2) && p[2].isString()) {
    style.indent = p[2].asString();
  } else if (p.has(2) && !p[2].isNone()) {
    int64_t width = std::max<int64_t>(p.integer(2), 0);
    if (width > 1000)
      return p.fail("an indent of more than 1000 is not supported");
    style.indent = std::string(width, ' ');
  }
  if (style.indent)
    style.itemSeparator = Text(",");
  if (p.has(3) && !p[3].isNone()) {
    const Value &separators = p[3];
    if (!separators.isIndexed() || separators.items().size() != 2 ||
        !separators.items()[0].isString() || !separators.items()[1].isString())
      return p.fail("expected two strings as separators");
    style.itemSeparator = separators.items()[0].asText();
    style.keySeparator = separators.items()[1].asText();
  }
  style.sortKeys = p.truth(4);
  Text out;
  printJson(p.runtime, out, p[0], style);
  return p.runtime.string(std::move(out));
}

const Filter filters[] = {
    {{"trim", "value! chars", trim}},
    {{"upper", "s!", toCase<Case::Upper>}},
    {{"lower", "s!", toCase<Case::Lower>}},
    {{"capitalize", "s!", toCase<Case::Capitalized>}},
    {{"title", "s!", toCase<Case::Words>}},
    {{"replace", "s! old! new! count", replace}},
    {{"default", "value! default_value boolean", defaultValue}},
    {{"d", "value! default_value boolean", defaultValue}},
    {{"string", "object!", string}},
    {{"indent", "s! width first blank", indent}},
    {{"center", "value! width", center}},
    {{"truncate", "s! length killwords end leeway", truncate}},
    {{"wordcount", "s!", countWords}},
    {{"safe", "value!", safe}},
    {{"escape", "/ s!", escapeHtml}},
    {{"e", "/ s!", escapeHtml}},
    {{"format", "value! ...", format}},
    {{"tojson", "x! ensure_ascii indent separators sort_keys", toJson}},
    {{"int", "value! default base", filterInt}},
    {{"float", "value! default", filterFloat}},
    {{"abs", "/ x!", filterAbs}},
    {{"round", "value! precision method", filterRound}},
};

} // namespace

const Table<Filter> jinja::stringFilters = {filters, std::size(filters)};
