//===- Print.cpp - Values as text: str, repr and JSON ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nested values recurse; the runtime limits their depth.
//
//===----------------------------------------------------------------------===//

#include "jinja/Print.h"

#include "jinja/Operators.h"
#include "jinja/Sort.h"
#include "jinja/Unicode.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

/// True while `out` may grow.
bool goOn(Runtime &runtime, const Text &out) {
  return !runtime.failed() && runtime.spend() && runtime.fits(out.weight());
}

std::string hex(const char *prefix, int digits, char32_t code) {
  char buffer[16];
  snprintf(buffer, sizeof(buffer), "%s%0*x", prefix, digits, unsigned(code));
  return buffer;
}

/// Appends each character of `text` as `escape(code)` spells it, or as it is
/// where that is empty.
template <class Escape>
void escapeInto(Runtime &runtime, Text &out, const Text &text, Escape escape) {
  const std::string &bytes = text.bytes();
  size_t kept = 0;
  OriginCursor origins(text);
  runtime.spendBytes(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    Character next = decode(bytes, i);
    std::string spelled = escape(next.code);
    if (!spelled.empty()) {
      if (kept < i)
        out.append(text, kept, i);
      out.append(spelled, origins.at(i));
      kept = i + next.length;
    }
    i += next.length;
  }
  if (kept < bytes.size() || bytes.empty())
    out.append(text, kept, bytes.size());
}

void printQuoted(Runtime &runtime, Text &out, const Text &text) {
  const std::string &bytes = text.bytes();
  bool single = bytes.find('\'') != std::string::npos &&
                bytes.find('"') == std::string::npos;
  char quote = single ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  escapeInto(runtime, out, text, [&](char32_t code) -> std::string {
    if (code == '\\' || code == char32_t(quote))
      return {'\\', char(code)};
    if (code == '\n')
      return "\\n";
    if (code == '\r')
      return "\\r";
    if (code == '\t')
      return "\\t";
    if (isPrintable(code))
      return "";
    return code < 0x100     ? hex("\\x", 2, code)
           : code < 0x10000 ? hex("\\u", 4, code)
                            : hex("\\U", 8, code);
  });
  out.append(std::string_view(&quote, 1));
}

void printItems(Runtime &runtime, Text &out, const Value &value) {
  bool isList = value.is(Kind::List);
  const auto &items = value.items();
  out.append(isList ? "[" : "(");
  for (size_t i = 0; i < items.size() && goOn(runtime, out); ++i) {
    if (i)
      out.append(", ");
    printRepr(runtime, out, items[i]);
  }
  out.append(isList ? "]" : items.size() == 1 ? ",)" : ")");
}

void printDict(Runtime &runtime, Text &out, const Dict &dict) {
  out.append("{");
  bool first = true;
  for (const auto &[key, value] : dict.entries()) {
    if (!goOn(runtime, out))
      return;
    if (!first)
      out.append(", ");
    first = false;
    printRepr(runtime, out, key);
    out.append(": ");
    printRepr(runtime, out, value);
  }
  out.append("}");
}

void printJsonString(Runtime &runtime, Text &out, const Text &text,
                     bool ascii) {
  out.append("\"");
  escapeInto(runtime, out, text, [&](char32_t code) -> std::string {
    switch (code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
    }
    if (code >= 0x20 && (!ascii || code < 0x7F || code == 0x7F))
      return "";
    if (code < 0x10000)
      return hex("\\u", 4, code);
    code -= 0x10000;
    return hex("\\u", 4, 0xD800 + (code >> 10)) +
           hex("\\u", 4, 0xDC00 + (code & 0x3FF));
  });
  out.append("\"");
}

std::string jsonScalar(const Value &value) {
  if (value.isNone())
    return "null";
  if (value.is(Kind::Boolean))
    return value.asBoolean() ? "true" : "false";
  if (value.is(Kind::Integer))
    return std::to_string(value.asInteger());
  double number = value.asFloat();
  if (std::isnan(number))
    return "NaN";
  if (std::isinf(number))
    return number < 0 ? "-Infinity" : "Infinity";
  return formatFloat(number);
}

void startLine(Text &out, const JsonStyle &style, unsigned level) {
  if (!style.indent)
    return;
  out.append("\n");
  for (unsigned i = 0; i < level; ++i)
    out.append(*style.indent);
}

void printJsonDict(Runtime &runtime, Text &out, const Dict &dict,
                   const JsonStyle &style, unsigned level) {
  std::vector<Dict::Entry> entries = dict.entries();
  if (style.sortKeys)
    mergeSort(entries, [&](const Dict::Entry &left, const Dict::Entry &right) {
      return less(runtime, left.first, right.first);
    });
  out.append("{");
  bool first = true;
  for (const auto &[key, value] : entries) {
    if (!goOn(runtime, out))
      return;
    if (!first)
      out.append(style.itemSeparator);
    first = false;
    startLine(out, style, level + 1);
    if (key.isString()) {
      printJsonString(runtime, out, key.asText(), style.ascii);
    } else if (key.is(Kind::Tuple)) {
      runtime.fail("a tuple cannot be a key in JSON");
      return;
    } else {
      out.append("\"" + jsonScalar(key) + "\"");
    }
    out.append(style.keySeparator);
    printJson(runtime, out, value, style, level + 1);
  }
  if (!first)
    startLine(out, style, level);
  out.append("}");
}

} // namespace

std::string jinja::formatFloat(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[40];
  auto end = std::to_chars(buffer, std::end(buffer), value,
                           std::chars_format::scientific);
  std::string shortest(buffer, end.ptr);
  size_t mark = shortest.find('e');
  int exponent = std::atoi(shortest.c_str() + mark + 1);
  if (exponent < -4 || exponent >= 16)
    return shortest; // its exponent has two digits at least, as Python's
  std::string sign = value < 0 || std::signbit(value) ? "-" : "";
  std::string digits;
  for (char c : shortest.substr(0, mark))
    if (c >= '0' && c <= '9')
      digits += c;
  if (exponent < 0)
    return sign + "0." + std::string(-exponent - 1, '0') + digits;
  if (digits.size() <= size_t(exponent) + 1)
    return sign + digits + std::string(exponent + 1 - digits.size(), '0') +
           ".0";
  return sign + digits.insert(exponent + 1, ".");
}

void jinja::print(Runtime &runtime, Text &out, const Value &value) {
  if (value.isString() && runtime.spendBytes(value.asText().weight()))
    out.append(value.asText());
  else if (!value.isUndefined())
    printRepr(runtime, out, value);
}

void jinja::printRepr(Runtime &runtime, Text &out, const Value &value) {
  if (value.isMarkup())
    runtime.fail("what |safe or |escape gave can only be written by "
                 "itself; more is not supported");
  if (!goOn(runtime, out))
    return;
  switch (value.kind()) {
  case Kind::Undefined:
    return out.append("Undefined");
  case Kind::None:
    return out.append("None");
  case Kind::Boolean:
    return out.append(value.asBoolean() ? "True" : "False");
  case Kind::Integer:
    return out.append(std::to_string(value.asInteger()));
  case Kind::Float:
    return out.append(formatFloat(value.asFloat()));
  case Kind::String:
    return printQuoted(runtime, out, value.asText());
  case Kind::List:
  case Kind::Tuple:
    return printItems(runtime, out, value);
  case Kind::Dict:
    return printDict(runtime, out, value.asDict());
  default:
    runtime.fail(std::string("writing a ") + value.typeName() +
                 " as text is not supported; write its items, as of |list");
  }
}

Value jinja::toString(Runtime &runtime, const Value &value) {
  if (value.isString())
    return value;
  Text text;
  print(runtime, text, value);
  return runtime.string(std::move(text));
}

void jinja::printJson(Runtime &runtime, Text &out, const Value &value,
                      const JsonStyle &style, unsigned level) {
  if (!goOn(runtime, out))
    return;
  if (value.isString())
    return printJsonString(runtime, out, value.asText(), style.ascii);
  if (value.isNone() || value.isNumber())
    return out.append(jsonScalar(value));
  if (value.isDict())
    return printJsonDict(runtime, out, value.asDict(), style, level);
  if (!value.is(Kind::List) && !value.is(Kind::Tuple)) {
    runtime.fail(std::string("a value of type ") + value.typeName() +
                 " cannot be written as JSON");
    return;
  }
  out.append("[");
  bool first = true;
  for (const Value &item : value.items()) {
    if (!goOn(runtime, out))
      return;
    if (!first)
      out.append(style.itemSeparator);
    first = false;
    startLine(out, style, level + 1);
    printJson(runtime, out, item, style, level + 1);
  }
  if (!first)
    startLine(out, style, level);
  out.append("]");
}
