//===- NormalForm.cpp - Unicode's normal forms, in linear time ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text is cut in front of characters that no normal form joins to what is
// before them, and each stretch is decomposed, ordered and composed on its own:
// most are a single character. libutf8proc's own ordering takes quadratic time
// on long runs of marks, so this one sorts.
//
//===----------------------------------------------------------------------===//

#include "text/NormalForm.h"

#include "text/Unicode.h"

#include <algorithm>
#include <utf8proc.h>
#include <vector>

using namespace sterna;

namespace {

/// The first byte of what may change: U+0300 and on, where text is composed,
/// else any character beyond ASCII.
unsigned char firstUnsafeByte(NormalForm form) {
  return form.compose && !form.compatibility ? 0xCC : 0x80;
}

class Normalizer {
public:
  Normalizer(const TextSpan &source, NormalForm form, AlignedText &result)
      : source(source), form(form), result(result) {}

  void run() {
    size_t size = source.text.size();
    for (size_t begin = 0; begin < size;) {
      size_t end = skipSafe(begin);
      result.copy(source, begin, end);
      begin = end;
      if (begin == size)
        break;
      end = readStretch(begin);
      writeStretch(begin, end);
      begin = end;
    }
  }

private:
  /// The end of characters that stay as they are whatever follows.
  size_t skipSafe(size_t begin) const {
    std::string_view text = source.text;
    size_t end = begin;
    while (end < text.size() &&
           static_cast<unsigned char>(text[end]) < firstUnsafeByte(form))
      ++end;
    if (end == begin || end == text.size())
      return end;
    // What follows may be a mark: it takes the last character along.
    --end;
    while (end > begin &&
           (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    return end;
  }

  /// Decomposes one character into `points`.
  void decompose(char32_t code) {
    int options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
    if (form.compatibility)
      options |= UTF8PROC_COMPAT;
    utf8proc_int32_t buffer[32];
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code), buffer, 32,
        static_cast<utf8proc_option_t>(options), nullptr);
    if (count < 1 || count > 32) {
      buffer[0] = static_cast<utf8proc_int32_t>(code);
      count = 1;
    }
    points.insert(points.end(), buffer, buffer + count);
  }

  /// Whether a code point may change, or be changed by, what is before it.
  static bool joinsBackwards(utf8proc_int32_t code) {
    if (code >= 0x1160 && code <= 0x11FF) // vowels and finals of Hangul
      return true;
    const utf8proc_property_t *property = utf8proc_get_property(code);
    return property->combining_class != 0 ||
           property->category == UTF8PROC_CATEGORY_MN ||
           property->category == UTF8PROC_CATEGORY_MC;
  }

  /// Decomposes a character and those that may join it; returns their end.
  size_t readStretch(size_t begin) {
    points.clear();
    size_t end = begin;
    while (end < source.text.size()) {
      Character character = firstCharacter(source.text.substr(end));
      size_t known = points.size();
      decompose(character.code);
      if (end > begin && !joinsBackwards(points[known])) {
        points.resize(known);
        break;
      }
      end += character.length;
    }
    return end;
  }

  static int classOf(utf8proc_int32_t code) {
    return utf8proc_get_property(code)->combining_class;
  }

  /// Sorts marks by their classes; those of one class keep their order.
  void sortByClass(std::vector<utf8proc_int32_t>::iterator begin,
                   std::vector<utf8proc_int32_t>::iterator end) {
    // The class in the highest bits, then the place, then the code point.
    keys.clear();
    for (auto mark = begin; mark != end; ++mark)
      keys.push_back(static_cast<uint64_t>(classOf(*mark)) << 56 |
                     static_cast<uint64_t>(mark - begin) << 21 |
                     static_cast<uint64_t>(*mark));
    std::sort(keys.begin(), keys.end());
    for (uint64_t key : keys)
      *begin++ = static_cast<utf8proc_int32_t>(key & 0x1FFFFF);
  }

  /// Puts each run of marks into the order of their classes.
  void orderMarks() {
    for (auto begin = points.begin(); begin != points.end();) {
      if (classOf(*begin) == 0) {
        ++begin;
        continue;
      }
      auto end = std::find_if(begin, points.end(), [](utf8proc_int32_t code) {
        return classOf(code) == 0;
      });
      sortByClass(begin, end);
      begin = end;
    }
  }

  void writeStretch(size_t begin, size_t end) {
    orderMarks();
    if (form.compose) {
      utf8proc_ssize_t count = utf8proc_normalize_utf32(
          points.data(), static_cast<utf8proc_ssize_t>(points.size()),
          static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
      points.resize(static_cast<size_t>(std::max<utf8proc_ssize_t>(count, 0)));
    }
    written.clear();
    for (utf8proc_int32_t code : points)
      appendCharacter(written, static_cast<char32_t>(code));
    if (written == source.text.substr(begin, end - begin))
      result.copy(source, begin, end);
    else
      result.append(written, source.originOf(end - 1));
  }

  const TextSpan &source;
  NormalForm form;
  AlignedText &result;
  std::vector<utf8proc_int32_t> points;
  std::vector<uint64_t> keys;
  std::string written;
};

} // namespace

bool sterna::isSurelyNormal(std::string_view text, NormalForm form) {
  unsigned char first = firstUnsafeByte(form);
  return std::none_of(text.begin(), text.end(), [&](char byte) {
    return static_cast<unsigned char>(byte) >= first;
  });
}

void sterna::normalize(const TextSpan &source, NormalForm form,
                       AlignedText &result) {
  Normalizer(source, form, result).run();
}
