//===- Numbers.cpp - Filters that give numbers ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Python takes white space around a number, and underscores between digits.
//
//===----------------------------------------------------------------------===//

#include "jinja/Numbers.h"

#include "jinja/Operators.h"
#include "jinja/Unicode.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

/// Without white space around, and without underscores; nothing where these are
/// not single and between letters or digits.
std::optional<std::string> plainNumber(std::string_view text) {
  size_t begin = skipSpace(text, 0);
  text = text.substr(begin, skipSpaceBack(text, text.size(), begin) - begin);
  auto isAlphanumeric = [&](size_t i) {
    unsigned char c = i < text.size() ? text[i] : '.';
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_')
      plain += text[i];
    else if (!i || !isAlphanumeric(i - 1) || !isAlphanumeric(i + 1))
      return std::nullopt;
  }
  return plain;
}

/// Python reads the digits of all scripts.
bool hasOtherDigits(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    Character next = decode(text, i);
    if (next.code >= 0x80 && isDigit(next.code))
      return true;
    i += next.length;
  }
  return false;
}

/// int(text, base).
std::optional<Value> readInteger(Parameters &p, std::string_view text,
                                 int base) {
  auto plain = plainNumber(text);
  if (!plain || plain->empty())
    return std::nullopt;
  std::string digits = *plain;
  bool negative = digits[0] == '-';
  if (negative || digits[0] == '+')
    digits.erase(0, 1);
  char mark = digits.size() > 2 && digits[0] == '0' ? char(digits[1] | 32) : 0;
  if ((base == 16 && mark == 'x') || (base == 8 && mark == 'o') ||
      (base == 2 && mark == 'b'))
    digits.erase(0, 2);
  if (digits.empty() || digits[0] == '-' || digits[0] == '+')
    return std::nullopt;
  if (negative)
    digits.insert(0, "-");
  int64_t number = 0;
  const char *end = digits.data() + digits.size();
  auto result = std::from_chars(digits.data(), end, number, base);
  if (result.ptr != end || result.ec == std::errc::invalid_argument)
    return std::nullopt;
  if (result.ec != std::errc())
    return p.fail("the number is too large: integers have 64 bits");
  return Value::integer(number);
}

/// float(text).
std::optional<double> readFloat(std::string_view text) {
  auto plain = plainNumber(text);
  if (!plain || plain->empty())
    return std::nullopt;
  std::string lower;
  for (char c : *plain)
    lower += c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  bool negative = lower[0] == '-';
  std::string digits = lower.substr(negative || lower[0] == '+');
  double number = 0;
  if (digits == "inf" || digits == "infinity") {
    number = HUGE_VAL;
  } else if (digits == "nan") {
    number = std::nan("");
  } else {
    if (digits.find_first_not_of("0123456789.e+-") != std::string::npos ||
        digits.empty() || digits[0] == '-' || digits[0] == '+')
      return std::nullopt;
    const char *end = digits.data() + digits.size();
    auto result = std::from_chars(digits.data(), end, number);
    if (result.ptr != end || result.ec == std::errc::invalid_argument)
      return std::nullopt;
    if (result.ec != std::errc()) {
      bool small = digits.find("e-") != std::string::npos || digits[0] == '0' ||
                   digits[0] == '.';
      number = small ? 0 : HUGE_VAL;
    }
  }
  return negative ? -number : number;
}

/// int(number), for a finite number.
Value truncated(Parameters &p, double number) {
  if (!(std::fabs(number) < 0x1p63))
    return p.fail("the number is too large: integers have 64 bits");
  return Value::integer(int64_t(number));
}

/// The power of ten of a precision.
double tenTo(int64_t precision) { return std::pow(10.0, double(precision)); }

} // namespace

Value jinja::filterInt(Parameters &p) {
  const Value &value = p[0];
  Value otherwise = p.has(1) ? p[1] : Value::integer(0);
  if (value.isUndefined())
    return p.runtime.fail(value.undefinedMessage());
  if (value.isIntegral())
    return Value::integer(value.asInteger());
  if (value.is(Kind::Float)) {
    if (std::isnan(value.asFloat()))
      return otherwise;
    return truncated(p, value.asFloat());
  }
  if (!value.isString())
    return otherwise;
  int64_t base = p.integer(2, 10);
  if (base < 2 || base > 36)
    return p.fail("a base that is not from 2 to 36 is not supported");
  const std::string &text = value.asString();
  if (hasOtherDigits(text))
    return p.fail("digits beyond ASCII are not supported");
  if (auto integer = readInteger(p, text, int(base)))
    return *integer;
  auto number = readFloat(text);
  if (!number || !std::isfinite(*number))
    return otherwise;
  return truncated(p, *number);
}

Value jinja::filterFloat(Parameters &p) {
  const Value &value = p[0];
  if (value.isUndefined())
    return p.runtime.fail(value.undefinedMessage());
  if (value.isNumber())
    return Value::real(value.asFloat());
  if (value.isString()) {
    if (hasOtherDigits(value.asString()))
      return p.fail("digits beyond ASCII are not supported");
    if (auto number = readFloat(value.asString()))
      return Value::real(*number);
  }
  return p.has(1) ? p[1] : Value::real(0);
}

Value jinja::filterAbs(Parameters &p) {
  if (p[0].is(Kind::Float))
    return Value::real(std::fabs(p[0].asFloat()));
  if (!p[0].isIntegral())
    return p[0].isUndefined() ? p.runtime.fail(p[0].undefinedMessage())
                              : p.fail("expected a number");
  return p[0].asInteger() < 0 ? negate(p.runtime, p[0])
                              : Value::integer(p[0].asInteger());
}

Value jinja::filterRound(Parameters &p) {
  const Value &value = p[0];
  int64_t precision = p.integer(1);
  std::string method = p.text(2, "common").bytes();
  if (method != "common" && method != "ceil" && method != "floor")
    return p.fail("the method must be common, ceil or floor");
  if (!value.isNumber())
    return value.isUndefined() ? p.runtime.fail(value.undefinedMessage())
                               : p.fail("expected a number");
  if (precision < 0 || precision > 22)
    return p.fail("a precision that is not from 0 to 22 is not supported");
  double number = value.asFloat();
  if (method == "common") {
    if (value.isIntegral())
      return Value::integer(value.asInteger());
    if (!std::isfinite(number) || std::fabs(number) >= 0x1p63)
      return value;
    char buffer[64];
    auto end = std::to_chars(buffer, std::end(buffer), number,
                             std::chars_format::fixed, int(precision));
    std::from_chars(buffer, end.ptr, number);
    return Value::real(number);
  }
  if (value.isIntegral())
    return toFloat(p.runtime, value);
  number *= tenTo(precision);
  if (!std::isfinite(number))
    return p.fail("the number is infinite or none");
  number = method == "ceil" ? std::ceil(number) : std::floor(number);
  // Python divides an integer, which has no negative zero.
  return Value::real((number + 0.0) / tenTo(precision));
}
