//===- Unicode.h - Characters and their classes ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code points of valid UTF-8, and the classes of characters that tokenizers
// ask for, by libutf8proc's tables. Separate from Utf8.h, which knows bytes
// alone and needs no tables.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_UNICODE_H
#define STERNA_RUNTIME_TEXT_UNICODE_H

#include "io/Utf8.h"

#include <string>
#include <string_view>

namespace sterna {

/// The last character of `text`, which is valid UTF-8 and not empty.
inline Character lastCharacter(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
    --begin;
  return firstCharacter(text.substr(begin));
}

/// White space, as of Unicode's property White_Space.
bool isSpaceCharacter(char32_t code);

/// Letters, marks, decimal digits, connectors and joiners: what `\w` matches.
bool isWordCharacter(char32_t code);

/// Numbers of all kinds.
bool isNumberCharacter(char32_t code);

/// Punctuation, and the symbols that ASCII counts as such.
bool isPunctuationCharacter(char32_t code);

/// The lower-case form; U+0130 becomes two code points.
void appendLowerCase(std::string &text, char32_t code);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_UNICODE_H
