//===- Strings.cpp - What filters and methods do to strings ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each looks at the bytes and cuts the text.
//
//===----------------------------------------------------------------------===//

#include "jinja/Strings.h"

#include "jinja/Print.h"
#include "jinja/Unicode.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;

namespace {

bool startsWord(char32_t separator) {
  return separator == '-' || separator == '(' || separator == '{' ||
         separator == '[' || separator == '<' || isSpace(separator);
}

bool isAsciiLetter(char32_t code) {
  return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
}

} // namespace

Text jinja::strip(const Text &text, const std::string *set, Side side) {
  const std::string &bytes = text.bytes();
  std::vector<bool> inSet; // by code
  for (size_t i = 0; set && i < set->size();) {
    Character next = decode(*set, i);
    if (next.code >= inSet.size())
      inSet.resize(next.code + 1);
    inSet[next.code] = true;
    i += next.length;
  }
  auto strips = [&](size_t offset) {
    char32_t code = decode(bytes, offset).code;
    return set ? code < inSet.size() && inSet[code] : isSpace(code);
  };
  size_t begin = 0, end = bytes.size();
  while (side != Side::Right && begin < end) {
    size_t length = decode(bytes, begin).length;
    if (!strips(begin))
      break;
    begin += length;
  }
  while (side != Side::Left && begin < end) {
    size_t start = previousCharacter(bytes, end);
    if (start < begin || !strips(start))
      break;
    end = start;
  }
  return text.slice(begin, end);
}

Text jinja::changeCase(Parameters &p, const Text &text, Case kind) {
  const std::string &bytes = text.bytes();
  Text out;
  OriginCursor origins(text);
  p.runtime.spendBytes(bytes.size() * 8);
  bool first = true; // of a word, or of all
  for (size_t i = 0; i < bytes.size();) {
    Character next = decode(bytes, i);
    std::optional<char32_t> code;
    if (kind == Case::Title && next.code >= 0x80) {
      p.fail("characters beyond ASCII are not supported");
      return out;
    }
    if (kind == Case::Upper || (first && kind == Case::Words))
      code = toUpper(next.code);
    else if (first && kind != Case::Lower)
      code = toTitle(next.code);
    else
      code = toLower(next.code);
    if (!code) {
      p.fail("the other case of '" + bytes.substr(i, next.length) +
             "' is not supported");
      return out;
    }
    if (*code == next.code) {
      out.append(text, i, i + next.length);
    } else {
      std::string changed;
      appendCharacter(changed, *code);
      out.append(changed, origins.at(i));
    }
    first = kind == Case::Words   ? startsWord(next.code)
            : kind == Case::Title ? !isAsciiLetter(next.code)
                                  : false;
    i += next.length;
  }
  return bytes.empty() ? text : out;
}

Text jinja::replaceAll(Parameters &p, const Text &text, const std::string &from,
                       const Text &to, int64_t most) {
  const std::string &bytes = text.bytes();
  Text out;
  size_t kept = 0;
  if (!p.runtime.spendSearch(bytes.size(), from.size()))
    return out;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    // Nothing stands before every character, and at the end.
    size_t next = from.empty() ? kept : bytes.find(from, kept);
    if (from.empty() && count) {
      if (kept == bytes.size())
        break;
      next = kept + decode(bytes, kept).length;
    }
    if (next == std::string::npos || next > bytes.size())
      break;
    if (next > kept)
      out.append(text, kept, next);
    out.append(to);
    kept = next + from.size();
    if (!p.runtime.spend() || !p.runtime.fits(out.weight()))
      return out;
  }
  if (kept < bytes.size() || bytes.empty() || out.empty())
    out.append(text, kept, bytes.size());
  return out;
}

std::vector<Value> jinja::split(Parameters &p, const Text &text,
                                const std::string *separator, int64_t most,
                                bool fromRight) {
  const std::string &bytes = text.bytes();
  std::vector<std::pair<size_t, size_t>> pieces;
  if (most < 0)
    most = bytes.size() + 1;
  if (!p.runtime.spendSearch(bytes.size(), separator ? separator->size() : 1))
    return {};
  auto more = [&] { return int64_t(pieces.size()) < most; };
  if (separator && fromRight) {
    size_t end = bytes.size();
    while (more() && end >= separator->size()) {
      size_t place = bytes.rfind(*separator, end - separator->size());
      if (place == std::string::npos)
        break;
      pieces.emplace_back(place + separator->size(), end);
      end = place;
    }
    pieces.emplace_back(0, end);
  } else if (separator) {
    size_t begin = 0;
    while (more()) {
      size_t place = bytes.find(*separator, begin);
      if (place == std::string::npos)
        break;
      pieces.emplace_back(begin, place);
      begin = place + separator->size();
    }
    pieces.emplace_back(begin, bytes.size());
  } else if (fromRight) {
    size_t end = skipSpaceBack(bytes, bytes.size());
    while (end > 0 && more()) {
      size_t begin = end;
      while (begin > 0) {
        size_t previous = previousCharacter(bytes, begin);
        if (isSpace(decode(bytes, previous).code))
          break;
        begin = previous;
      }
      pieces.emplace_back(begin, end);
      end = skipSpaceBack(bytes, begin);
    }
    if (end > 0)
      pieces.emplace_back(0, end);
  } else {
    size_t begin = skipSpace(bytes, 0);
    while (begin < bytes.size() && more()) {
      size_t end = begin;
      while (end < bytes.size()) {
        Character next = decode(bytes, end);
        if (isSpace(next.code))
          break;
        end += next.length;
      }
      pieces.emplace_back(begin, end);
      begin = skipSpace(bytes, end);
    }
    if (begin < bytes.size())
      pieces.emplace_back(begin, bytes.size());
  }
  if (fromRight)
    std::reverse(pieces.begin(), pieces.end());
  std::vector<Value> items;
  for (auto [begin, end] : pieces) {
    if (p.runtime.failed())
      break;
    items.push_back(p.runtime.string(text.slice(begin, end)));
  }
  return items;
}

std::vector<Text> jinja::splitLines(const Text &text, bool keepEnds) {
  const std::string &bytes = text.bytes();
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size();) {
    Character next = decode(bytes, i);
    size_t end = i + next.length;
    if (isLineEnd(next.code)) {
      if (next.code == '\r' && end < bytes.size() && bytes[end] == '\n')
        ++end;
      lines.push_back(text.slice(begin, keepEnds ? end : i));
      begin = end;
    }
    i = end;
  }
  if (begin < bytes.size())
    lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

Value jinja::join(Parameters &p, const Text &separator,
                  const std::vector<Value> &items, bool strict) {
  Text out;
  bool first = true;
  for (const Value &item : items) {
    if (!first)
      out.append(separator);
    first = false;
    if (strict && !item.isString())
      return p.fail(std::string("expected strings, but got a ") +
                    item.typeName());
    print(p.runtime, out, item);
    if (p.runtime.failed() || !p.runtime.fits(out.weight()))
      return Value();
  }
  return p.runtime.string(std::move(out));
}

Text jinja::pad(Parameters &p, const Text &text, int64_t width, Side side,
                const std::string &fill) {
  int64_t missing = width - int64_t(countCharacters(text.bytes()));
  if (missing <= 0 || !p.runtime.fits(size_t(missing) * fill.size()))
    return text;
  // Python puts the odd space to the left of an odd width.
  int64_t left = side == Side::Left    ? missing
                 : side == Side::Right ? 0
                                       : missing / 2 + (missing & width & 1);
  std::string before, after;
  for (int64_t i = 0; i < missing; ++i)
    (i < left ? before : after) += fill;
  Text out(before);
  out.append(text);
  out.append(after);
  return out;
}
