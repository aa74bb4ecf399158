//===- Format.cpp - Python's two kinds of format strings ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields are read one by one; text between them keeps its origin.
//
//===----------------------------------------------------------------------===//

#include "jinja/Format.h"

#include "jinja/Print.h"
#include "jinja/Unicode.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

constexpr size_t longestPrecision = 400;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// `%` formatting of one string.
class PercentFormat {
public:
  PercentFormat(Runtime &runtime, const Value &format, const Value &arguments)
      : runtime(runtime), format(format.asText()), bytes(this->format.bytes()),
        arguments(arguments) {}

  Value run();

private:
  struct Field {
    bool left = false, zero = false, plus = false, space = false, hash = false;
    size_t width = 0;
    bool hasPrecision = false;
    size_t precision = 0;
    char conversion = 0;
  };

  void readField();
  size_t readNumber();
  bool readMappingKey();
  Value takeArgument();
  void write(const Field &field, const Value &value);
  void writePadded(const Field &field, const std::string &sign,
                   const Text &body, bool numeric);
  std::string digitsOf(const Field &field, const Value &value,
                       std::string &sign);

  Runtime &runtime;
  const Text &format;
  const std::string &bytes;
  const Value &arguments;
  size_t place = 0;
  size_t used = 0;
  bool keyed = false; // the field has a key, whose value is `keyedValue`
  Value keyedValue;
  Text out;
};

Value PercentFormat::run() {
  while (place < bytes.size() && !runtime.failed() &&
         runtime.fits(out.weight())) {
    size_t mark = std::min(bytes.find('%', place), bytes.size());
    out.append(format, place, mark);
    place = mark + 1;
    if (mark < bytes.size())
      readField();
  }
  size_t count = arguments.is(Kind::Tuple) ? arguments.items().size() : 1;
  bool mapping = arguments.isDict() || arguments.is(Kind::List) ||
                 arguments.is(Kind::Range) || arguments.isUndefined();
  if (used < count && !mapping)
    return runtime.fail("a format string has too few fields for its arguments");
  return runtime.string(std::move(out));
}

Value PercentFormat::takeArgument() {
  if (keyed)
    return keyedValue;
  size_t index = used++;
  if (arguments.is(Kind::Tuple) && index < arguments.items().size())
    return arguments.items()[index];
  if (arguments.is(Kind::Tuple) || index > 0)
    return runtime.fail("a format string has more fields than arguments");
  return arguments;
}

size_t PercentFormat::readNumber() {
  size_t number = 0;
  if (place < bytes.size() && bytes[place] == '*') {
    ++place;
    Value value = takeArgument();
    if (!value.isIntegral() || value.asInteger() < 0)
      runtime.fail("a width that is no number from 0 on is not supported");
    else
      number = value.asInteger();
  }
  while (place < bytes.size() && isDigit(bytes[place]) && runtime.fits(number))
    number = number * 10 + (bytes[place++] - '0');
  runtime.fits(number);
  return number;
}

bool PercentFormat::readMappingKey() {
  size_t end = bytes.find(')', place);
  if (end == std::string::npos || !arguments.isDict() ||
      bytes.substr(place + 1, end - place - 1).find('(') != std::string::npos) {
    runtime.fail("a format string asks for a key where there is none");
    return false;
  }
  std::string key = bytes.substr(place + 1, end - place - 1);
  const Value *value = arguments.asDict().find(key);
  if (!value) {
    runtime.fail("a format string asks for the key '" + key +
                 "', which is missing");
    return false;
  }
  keyedValue = *value;
  keyed = true;
  place = end + 1;
  return true;
}

void PercentFormat::readField() {
  Field field;
  keyed = false;
  if (place < bytes.size() && bytes[place] == '(' && !readMappingKey())
    return;
  for (; place < bytes.size() && std::strchr("-0+ #", bytes[place]); ++place) {
    field.left |= bytes[place] == '-';
    field.zero |= bytes[place] == '0';
    field.plus |= bytes[place] == '+';
    field.space |= bytes[place] == ' ';
    field.hash |= bytes[place] == '#';
  }
  field.width = readNumber();
  if (place < bytes.size() && bytes[place] == '.') {
    ++place;
    field.hasPrecision = true;
    field.precision = readNumber();
  }
  if (place < bytes.size() && std::strchr("hlL", bytes[place]))
    ++place;
  if (place >= bytes.size()) {
    runtime.fail("a format string ends within a field");
    return;
  }
  field.conversion = bytes[place++];
  if (field.conversion == '%')
    return out.append("%");
  Value value = takeArgument();
  if (!runtime.failed())
    write(field, value);
}

void PercentFormat::writePadded(const Field &field, const std::string &sign,
                                const Text &body, bool numeric) {
  size_t size = countCharacters(body.bytes()) + sign.size();
  std::string padding(field.width > size ? field.width - size : 0, ' ');
  if (numeric && field.zero && !field.left) {
    out.append(sign + std::string(padding.size(), '0'));
    return out.append(body);
  }
  out.append((field.left ? "" : padding) + sign);
  out.append(body);
  if (field.left)
    out.append(padding);
}

/// The digits of a number, and the sign that goes before padding.
std::string PercentFormat::digitsOf(const Field &field, const Value &value,
                                    std::string &sign) {
  bool isInteger = std::strchr("diuxXo", field.conversion);
  if (!value.isNumber() ||
      (std::strchr("xXo", field.conversion) && !value.isIntegral())) {
    runtime.fail(std::string("%") + field.conversion + " cannot write a " +
                 value.typeName());
    return "";
  }
  size_t precision = field.hasPrecision ? field.precision : 6;
  if (precision > longestPrecision || field.hash) {
    runtime.fail("this precision or flag of a format is not supported");
    return "";
  }
  double number = value.asFloat();
  if (isInteger && !value.isIntegral() && !(std::fabs(number) < 0x1p63)) {
    runtime.fail("%d cannot write an infinite number or one of over 64 bits");
    return "";
  }
  char buffer[1024];
  if (!isInteger) {
    char kind = char(field.conversion | 32);
    auto end = std::to_chars(buffer, std::end(buffer), std::fabs(number),
                             kind == 'f'   ? std::chars_format::fixed
                             : kind == 'e' ? std::chars_format::scientific
                                           : std::chars_format::general,
                             int(precision));
    sign = std::signbit(number) && !std::isnan(number) ? "-" : "";
    std::string digits(buffer, end.ptr);
    if (field.conversion != kind)
      for (char &c : digits)
        c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
    return digits;
  }
  int64_t integer = value.isIntegral() ? value.asInteger() : int64_t(number);
  uint64_t magnitude = integer < 0 ? 0 - uint64_t(integer) : integer;
  const char *c = field.conversion == 'x'   ? "%llx"
                  : field.conversion == 'X' ? "%llX"
                  : field.conversion == 'o' ? "%llo"
                                            : "%llu";
  snprintf(buffer, sizeof(buffer), c, (unsigned long long)magnitude);
  std::string digits = buffer;
  if (field.hasPrecision && digits.size() < field.precision)
    digits.insert(0, field.precision - digits.size(), '0');
  sign = integer < 0 ? "-" : "";
  return digits;
}

void PercentFormat::write(const Field &field, const Value &value) {
  switch (field.conversion) {
  case 's':
  case 'r': {
    Text text;
    if (field.conversion == 's')
      print(runtime, text, value);
    else
      printRepr(runtime, text, value);
    if (field.hasPrecision)
      text = text.slice(0, offsetOfCharacter(text.bytes(), field.precision));
    return writePadded(field, "", text, false);
  }
  case 'c':
    if (!value.isString() || value.characters() != 1) {
      runtime.fail("%c is supported for a string of one character only");
      return;
    }
    return writePadded(field, "", value.asText(), false);
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
  case 'e':
  case 'E':
  case 'f':
  case 'F':
  case 'g':
  case 'G': {
    std::string sign;
    std::string digits = digitsOf(field, value, sign);
    if (sign.empty())
      sign = field.plus ? "+" : field.space ? " " : "";
    return writePadded(field, sign, Text(digits), true);
  }
  default:
    runtime.fail(std::string("the format %") + field.conversion +
                 " is not supported");
  }
}

} // namespace

Value jinja::formatPercent(Runtime &runtime, const Value &format,
                           const Value &arguments) {
  return PercentFormat(runtime, format, arguments).run();
}

Value jinja::formatBraces(Runtime &runtime, const Value &format,
                          const std::vector<Value> &positional,
                          const Dict &named) {
  const Text &text = format.asText();
  const std::string &bytes = text.bytes();
  Text out;
  size_t next = 0;
  bool counted = false, numbered = false;
  for (size_t i = 0; i < bytes.size() && !runtime.failed();) {
    size_t mark = std::min(bytes.find_first_of("{}", i), bytes.size());
    out.append(text, i, mark);
    if (mark == bytes.size())
      break;
    if (mark + 1 < bytes.size() && bytes[mark + 1] == bytes[mark]) {
      out.append(text, mark, mark + 1);
      i = mark + 2;
      continue;
    }
    size_t end = bytes.find_first_of("{}", mark + 1);
    if (bytes[mark] == '}' || end == std::string::npos || bytes[end] == '{')
      return runtime.fail("a format string has a brace without its other");
    std::string field = bytes.substr(mark + 1, end - mark - 1);
    i = end + 1;
    bool repr = field.size() >= 2 && field.substr(field.size() - 2) == "!r";
    if (repr || (field.size() >= 2 && field.substr(field.size() - 2) == "!s"))
      field.resize(field.size() - 2);
    if (field.find_first_of(":!.[") != std::string::npos)
      return runtime.fail("the format field {" + field +
                          "} is not supported; names and numbers alone are");
    bool digits = field.find_first_not_of("0123456789") == std::string::npos;
    const Value *value = nullptr;
    if (digits) {
      (field.empty() ? counted : numbered) = true;
      if (counted && numbered)
        return runtime.fail("a format string mixes {} and {0}");
      size_t index = field.empty()       ? next++
                     : field.size() < 10 ? std::stoul(field)
                                         : positional.size();
      value = index < positional.size() ? &positional[index] : nullptr;
    } else {
      value = named.find(field);
    }
    if (!value)
      return runtime.fail("a format string asks for {" + field +
                          "}, which is missing");
    repr ? printRepr(runtime, out, *value) : print(runtime, out, *value);
    if (!runtime.fits(out.weight()))
      return Value();
  }
  return runtime.string(std::move(out));
}
