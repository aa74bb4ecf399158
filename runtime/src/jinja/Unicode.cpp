//===- Unicode.cpp - Characters as Python's strings see them --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// UTF-8 to characters and back, and searches of the tables.
//
//===----------------------------------------------------------------------===//

#include "jinja/Unicode.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

using namespace sterna;
using namespace sterna::jinja;

namespace {

struct Range {
  char32_t first, last;
};

/// Every `step`th character from `first` on; 0 shifts nowhere.
struct CaseRange {
  char32_t first, last;
  int32_t step, shift;
};

#include "jinja/UnicodeTables.inc"

/// The range that `code` lies in, or null.
template <class Table>
const std::remove_reference_t<decltype(std::declval<Table>()[0])> *
findRange(const Table &table, char32_t code) {
  const auto *range = std::upper_bound(
      std::begin(table), std::end(table), code,
      [](char32_t code, const auto &range) { return code < range.first; });
  if (range == std::begin(table))
    return nullptr;
  --range;
  return range->last < code ? nullptr : range;
}

template <class Table>
std::optional<char32_t> shift(const Table &table, char32_t code) {
  const auto *range = findRange(table, code);
  if (!range || (code - range->first) % range->step)
    return code;
  if (!range->shift)
    return std::nullopt;
  return char32_t(int32_t(code) + range->shift);
}

} // namespace

Character jinja::decode(std::string_view text, size_t offset) {
  text.remove_prefix(offset);
  if (inspectFront(text).kind != Utf8Front::Character)
    return {static_cast<unsigned char>(text[0]), 1};
  return firstCharacter(text);
}

size_t jinja::countCharacters(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count)
    i += decode(text, i).length;
  return count;
}

size_t jinja::offsetOfCharacter(std::string_view text, size_t index) {
  size_t offset = 0;
  while (index-- && offset < text.size())
    offset += decode(text, offset).length;
  return offset;
}

bool jinja::isSpace(char32_t code) {
  if (code < 0x80)
    return code == ' ' || (code >= 9 && code <= 13) ||
           (code >= 0x1C && code <= 0x1F);
  return code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool jinja::isLineEnd(char32_t code) {
  return (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) ||
         code == 0x85 || code == 0x2028 || code == 0x2029;
}

bool jinja::isPrintable(char32_t code) {
  if (code < 0x80)
    return code >= 0x20 && code < 0x7F;
  return !findRange(unprintable, code);
}

bool jinja::isDigit(char32_t code) {
  if (code < 0x80)
    return code >= '0' && code <= '9';
  return findRange(digits, code);
}

std::optional<char32_t> jinja::toUpper(char32_t code) {
  if (code < 0x80)
    return code >= 'a' && code <= 'z' ? code - 32 : code;
  return shift(upperShifts, code);
}

std::optional<char32_t> jinja::toLower(char32_t code) {
  if (code < 0x80)
    return code >= 'A' && code <= 'Z' ? code + 32 : code;
  return shift(lowerShifts, code);
}

std::optional<char32_t> jinja::toTitle(char32_t code) {
  // Letters that stand for two, of which the first alone is a capital.
  if ((code >= 0x1C4 && code <= 0x1CC) || (code >= 0x1F1 && code <= 0x1F3))
    return std::nullopt;
  // Georgian has capitals for whole words only.
  if (code >= 0x10D0 && code <= 0x10FF)
    return code;
  return toUpper(code);
}

size_t jinja::skipSpace(std::string_view text, size_t offset) {
  while (offset < text.size()) {
    Character next = decode(text, offset);
    if (!isSpace(next.code))
      break;
    offset += next.length;
  }
  return offset;
}

size_t jinja::previousCharacter(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && (text[start] & 0xC0) == 0x80)
    --start;
  // Stray continuation bytes count one by one.
  return start + decode(text.substr(0, end), start).length == end ? start
                                                                  : end - 1;
}

size_t jinja::skipSpaceBack(std::string_view text, size_t end, size_t begin) {
  while (end > begin) {
    size_t start = previousCharacter(text, end);
    if (start < begin || !isSpace(decode(text, start).code))
      break;
    end = start;
  }
  return end;
}
