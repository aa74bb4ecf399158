//===- Lexer.cpp - A template as tokens -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outside of tags, the next "{{", "{%" or "{#" is looked for; inside, the
// longest token.
//
//===----------------------------------------------------------------------===//

#include "jinja/Lexer.h"

#include "io/Escape.h"
#include "jinja/Unicode.h"

#include <algorithm>
#include <cstring>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Token::Kind;

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isWordByte(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '_';
}

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// The length of digits in `text` from `at` on, single underscores between.
template <class IsDigit>
size_t digitsEnd(std::string_view text, size_t at, IsDigit isDigit) {
  size_t end = at;
  while (end < text.size() &&
         (isDigit(text[end]) ||
          (text[end] == '_' && end > at && text[end - 1] != '_')))
    ++end;
  while (end > at && text[end - 1] == '_')
    --end;
  return end;
}

class Lexer {
public:
  explicit Lexer(std::string_view source) : source(source) {}

  Expected<std::vector<Token>> run();

private:
  void lexText();
  void lexComment();
  bool lexRaw();
  void lexTag(bool block);
  bool lexTagEnd(bool block);
  void lexToken();
  size_t numberEnd(bool &isFloat) const;
  size_t stringEnd() const;
  void lexOperator();
  void addText(size_t begin, size_t end, char sign, bool variable);
  void add(Kind kind, size_t end);
  void moveTo(size_t end);
  void fail(const std::string &message) {
    if (error.ok())
      error = errorAt(line, message);
  }
  char at(size_t offset) const {
    return offset < source.size() ? source[offset] : '\0';
  }

  std::string_view source;
  size_t place = 0;
  uint32_t line = 1;
  /// Whether what came before the text ended a line.
  bool lineStarts = true;
  std::string brackets; // that are open
  std::vector<Token> tokens;
  Status error;
};

void Lexer::moveTo(size_t end) {
  line += std::count(source.begin() + place, source.begin() + end, '\n');
  place = end;
}

void Lexer::add(Kind kind, size_t end) {
  tokens.push_back({kind, line, source.substr(place, end - place)});
  moveTo(end);
}

/// Adds the text before a tag whose `sign` is '-', '+' or neither.
void Lexer::addText(size_t begin, size_t end, char sign, bool variable) {
  size_t stop = end;
  if (sign == '-') {
    stop = skipSpaceBack(source, end, begin);
  } else if (sign != '+' && !variable) {
    // The white space before a tag that begins its line.
    size_t start = begin;
    size_t newline = source.substr(begin, end - begin).rfind('\n');
    if (newline != std::string_view::npos)
      start += newline + 1;
    if ((start > begin || lineStarts) &&
        skipSpaceBack(source, end, start) == start)
      stop = start;
  }
  if (stop > begin)
    tokens.push_back({Kind::Data, line, source.substr(begin, stop - begin)});
  moveTo(end);
}

void Lexer::lexText() {
  size_t begin = place, tag = begin;
  for (;; ++tag) {
    tag = source.find('{', tag);
    if (tag == std::string_view::npos)
      return addText(begin, source.size(), '+', false);
    char kind = at(tag + 1);
    if (kind == '{' || kind == '%' || kind == '#')
      break;
  }
  char kind = at(tag + 1), sign = at(tag + 2);
  addText(begin, tag, sign, kind == '{');
  if (kind == '#')
    return lexComment();
  if (kind == '%' && lexRaw())
    return;
  size_t length = sign == '-' || sign == '+' ? 3 : 2;
  add(kind == '{' ? Kind::VariableBegin : Kind::BlockBegin, place + length);
  lexTag(kind == '%');
}

void Lexer::lexComment() {
  size_t begin = place + 2;
  if (at(begin) == '-' || at(begin) == '+')
    ++begin;
  size_t end = source.find("#}", begin);
  if (end == std::string_view::npos)
    return fail("a comment {# has no end #}");
  char sign = end > begin ? at(end - 1) : '\0';
  end += 2;
  if (sign == '-')
    end = skipSpace(source, end);
  else if (sign != '+' && at(end) == '\n')
    ++end;
  lineStarts = source[end - 1] == '\n';
  moveTo(end);
}

/// At "{%": takes a raw block and adds its text, if it is one.
bool Lexer::lexRaw() {
  auto skipTag = [&](size_t begin, std::string_view name, bool trims,
                     char &sign) -> size_t {
    size_t next = begin + 2;
    sign = at(next);
    if (sign == '-' || sign == '+')
      ++next;
    next = skipSpace(source, next);
    if (!startsWith(source.substr(next), name))
      return 0;
    next = skipSpace(source, next + name.size());
    if (startsWith(source.substr(next), "-%}"))
      return skipSpace(source, next + 3);
    if (trims && startsWith(source.substr(next), "+%}"))
      return next + 3;
    if (!startsWith(source.substr(next), "%}"))
      return 0;
    return next + 2 + (trims && at(next + 2) == '\n');
  };
  char sign = '\0';
  size_t begin = skipTag(place, "raw", false, sign);
  if (!begin)
    return false;
  lineStarts = source[begin - 1] == '\n';
  moveTo(begin);
  for (size_t tag = begin;; ++tag) {
    tag = source.find("{%", tag);
    if (tag == std::string_view::npos) {
      fail("a block {% raw %} has no {% endraw %}");
      return true;
    }
    if (size_t end = skipTag(tag, "endraw", true, sign)) {
      addText(begin, tag, sign, false);
      lineStarts = source[end - 1] == '\n';
      moveTo(end);
      return true;
    }
  }
}

bool Lexer::lexTagEnd(bool block) {
  if (!brackets.empty())
    return false;
  std::string_view rest = source.substr(place), mark = block ? "%}" : "}}";
  char sign = at(place);
  size_t end = place + 2;
  if (startsWith(rest, mark)) {
    end += block && at(end) == '\n';
  } else if ((sign == '-' || (sign == '+' && block)) &&
             startsWith(rest.substr(1), mark)) {
    ++end;
    if (sign == '-')
      end = skipSpace(source, end);
  } else {
    return false;
  }
  lineStarts = source[end - 1] == '\n';
  add(block ? Kind::BlockEnd : Kind::VariableEnd, end);
  return true;
}

void Lexer::lexTag(bool block) {
  while (error.ok() && !lexTagEnd(block)) {
    if (place >= source.size()) {
      return fail(block ? "a tag {% has no end %}"
                        : "an expression {{ has no end }}");
    }
    size_t next = skipSpace(source, place);
    if (next > place)
      moveTo(next);
    else
      lexToken();
  }
}

/// The end of the number at `place`, which begins with a digit.
size_t Lexer::numberEnd(bool &isFloat) const {
  auto decimal = [](char c) { return isDigit(c); };
  size_t whole = digitsEnd(source, place, decimal), end = whole;
  isFloat = false;
  // x.0.1 has two indices, no float.
  if (place == 0 || source[place - 1] != '.') {
    if (at(end) == '.' && isDigit(at(end + 1))) {
      end = digitsEnd(source, end + 1, decimal);
      isFloat = true;
    }
    if ((at(end) | 32) == 'e') {
      size_t exponent = end + 1;
      if (at(exponent) == '+' || at(exponent) == '-')
        ++exponent;
      if (isDigit(at(exponent))) {
        end = digitsEnd(source, exponent, decimal);
        isFloat = true;
      }
    }
    if (isFloat)
      return end;
  }
  if (at(place) != '0')
    return whole;
  // Another base, or zeros alone.
  auto based = [&](auto isDigit) {
    size_t first = place + 2 + (at(place + 2) == '_');
    size_t end = digitsEnd(source, first, isDigit);
    return end > first ? end : place + 1;
  };
  switch (at(place + 1) | 32) {
  case 'x':
    return based([](char c) {
      return isDigit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
    });
  case 'o':
    return based([](char c) { return c >= '0' && c <= '7'; });
  case 'b':
    return based([](char c) { return c == '0' || c == '1'; });
  default:
    return digitsEnd(source, place, [](char c) { return c == '0'; });
  }
}

/// The end of the string at `place`, which begins with a quote; 0 if none.
size_t Lexer::stringEnd() const {
  for (size_t i = place + 1; i < source.size(); ++i) {
    if (source[i] == '\\')
      ++i;
    else if (source[i] == source[place])
      return i + 1;
  }
  return 0;
}

void Lexer::lexToken() {
  char first = source[place];
  if (isDigit(first)) {
    bool isFloat = false;
    size_t end = numberEnd(isFloat);
    return add(isFloat ? Kind::Float : Kind::Integer, end);
  }
  if (isWordByte(first)) {
    size_t end = place;
    while (isWordByte(at(end)))
      ++end;
    if (end < source.size() && (source[end] & 0x80))
      return fail("names with characters beyond ASCII are not supported");
    return add(Kind::Name, end);
  }
  if (first == '"' || first == '\'') {
    if (size_t end = stringEnd())
      return add(Kind::String, end);
    return fail("a string has no end");
  }
  lexOperator();
}

void Lexer::lexOperator() {
  std::string_view rest = source.substr(place);
  for (const char *pair : {"//", "**", "==", "!=", ">=", "<="})
    if (startsWith(rest, pair))
      return add(Kind::Operator, place + 2);
  char c = source[place];
  if (!std::strchr("+-/*%~[](){}><=.:|,;", c) || !c)
    return fail("unexpected '" +
                excerpt(rest.substr(0, decode(rest, 0).length)) + "' in a tag");
  if (c == '(' || c == '[' || c == '{') {
    brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
  } else if (c == ')' || c == ']' || c == '}') {
    if (brackets.empty() || brackets.back() != c)
      return fail(std::string("unexpected '") + c + "' in a tag");
    brackets.pop_back();
  }
  add(Kind::Operator, place + 1);
}

Expected<std::vector<Token>> Lexer::run() {
  while (place < source.size() && error.ok())
    lexText();
  if (!error.ok())
    return error;
  tokens.push_back({Kind::End, line, {}});
  return std::move(tokens);
}

/// Reads `digits` digits of `base` at `place`; -1 where there are fewer.
int64_t readDigits(std::string_view text, size_t place, size_t digits) {
  int64_t value = 0;
  for (size_t i = place; i < place + digits; ++i) {
    const char *known = "0123456789abcdef";
    const char *digit =
        i < text.size() && text[i]
            ? std::strchr(known, text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32
                                                                  : text[i])
            : nullptr;
    if (!digit)
      return -1;
    value = value * 16 + (digit - known);
  }
  return value;
}

/// Appends what the escape at `place`, after its backslash, stands for; false
/// if it stands for nothing.
bool unescapeOne(std::string_view text, size_t &place, std::string &out) {
  static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
  char c = text[place];
  if (c == '\n') {
    ++place;
    return true;
  }
  if (const char *known = c ? std::strchr(from, c) : nullptr) {
    out += to[known - from];
    ++place;
    return true;
  }
  if (c >= '0' && c <= '7') {
    char32_t code = 0;
    for (int i = 0; i < 3 && place < text.size() && text[place] >= '0' &&
                    text[place] <= '7';
         ++i)
      code = code * 8 + (text[place++] - '0');
    appendCharacter(out, code);
    return true;
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    int64_t code = readDigits(text, place + 1, digits);
    if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return false;
    appendCharacter(out, char32_t(code));
    place += 1 + digits;
    return true;
  }
  if (c == 'N')
    return false;
  // Unknown escapes stay; Jinja spells what is not ASCII before it looks.
  out += '\\';
  if (c & 0x80) {
    Character next = decode(text, place);
    char spelled[12];
    snprintf(spelled, sizeof(spelled),
             next.code < 0x100     ? "x%02x"
             : next.code < 0x10000 ? "u%04x"
                                   : "U%08x",
             unsigned(next.code));
    out += spelled;
    place += next.length;
  }
  return true;
}

} // namespace

Status jinja::errorAt(uint32_t line, const std::string &message) {
  return Status::error("line " + std::to_string(line) +
                       " of the template: " + message);
}

std::string jinja::normalizeNewlines(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      result += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      result += '\n';
  }
  if (!result.empty() && result.back() == '\n')
    result.pop_back();
  return result;
}

Expected<std::vector<Token>> jinja::tokenize(std::string_view source) {
  return Lexer(source).run();
}

Expected<std::string> jinja::unescape(std::string_view literal) {
  std::string_view text = literal.substr(1, literal.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    ++i;
    if (!unescapeOne(text, i, out))
      return Status::error("the escape \\" +
                           excerpt(text.substr(i, text[i] == 'x'   ? 3
                                                  : text[i] == 'u' ? 5
                                                  : text[i] == 'U' ? 9
                                                                   : 1)) +
                           " in a string is not supported");
  }
  return out;
}
