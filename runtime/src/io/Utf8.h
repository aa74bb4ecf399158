//===- Utf8.h - UTF-8 at the level of bytes -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The questions that reading, tokenizing and streaming ask of UTF-8: how long
// does a character claim to be, is it whole, where does a text stop to be
// UTF-8, and which code point is it? Separate because messages, data,
// tokenizers and templates use it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_UTF8_H
#define STERNA_RUNTIME_IO_UTF8_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sterna {

/// U+FFFD, which stands for bytes that are no text.
constexpr std::string_view replacementCharacter = "\xEF\xBF\xBD";

/// Length in bytes that the first byte of a character announces, at most what
/// `text` has left. Bytes that begin no character count as one. `text` is not
/// empty.
inline size_t announcedLength(std::string_view text) {
  unsigned char first = static_cast<unsigned char>(text[0]);
  size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return std::min(length, text.size());
}

/// What the bytes at the front of a text are.
struct Utf8Front {
  enum Kind { Character, Incomplete, Invalid } kind = Invalid;
  size_t length = 0; // bytes to take; 0 when incomplete
};

/// Looks at the front of `text`, which is not empty. Incomplete: a character
/// may follow from more bytes. Invalid: `length` bytes can never be part of one
/// (overlong forms and surrogates included).
inline Utf8Front inspectFront(std::string_view text) {
  auto byteAt = [&](size_t index) {
    return static_cast<unsigned char>(text[index]);
  };
  unsigned char first = byteAt(0);
  if (first < 0x80)
    return {Utf8Front::Character, 1};
  if (first < 0xC2 || first > 0xF4)
    return {Utf8Front::Invalid, 1};
  size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and what lies
  // beyond U+10FFFF.
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size())
      return {Utf8Front::Incomplete, 0};
    unsigned char byte = byteAt(i);
    if (byte < low || byte > high)
      return {Utf8Front::Invalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Front::Character, length};
}

/// The offset of the first byte that is no UTF-8; the size where all of it is.
inline size_t findInvalidUtf8(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    Utf8Front front = inspectFront(text.substr(offset));
    if (front.kind != Utf8Front::Character)
      return offset;
    offset += front.length;
  }
  return offset;
}

/// A code point, and the bytes that it takes.
struct Character {
  char32_t code = 0;
  size_t length = 1;
};

/// The first character of `text`, which is valid UTF-8 and not empty.
inline Character firstCharacter(std::string_view text) {
  auto bits = [&](size_t index, unsigned mask) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[index]) &
                                 mask);
  };
  switch (announcedLength(text)) {
  case 1:
    return {bits(0, 0x7F), 1};
  case 2:
    return {bits(0, 0x1F) << 6 | bits(1, 0x3F), 2};
  case 3:
    return {bits(0, 0x0F) << 12 | bits(1, 0x3F) << 6 | bits(2, 0x3F), 3};
  default:
    return {bits(0, 0x07) << 18 | bits(1, 0x3F) << 12 | bits(2, 0x3F) << 6 |
                bits(3, 0x3F),
            4};
  }
}

/// Appends a code point to UTF-8.
inline void appendCharacter(std::string &text, char32_t code) {
  auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
    return;
  }
  if (code < 0x800) {
    add(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xE0 | code >> 12);
    } else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3F));
    }
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

} // namespace sterna

#endif // STERNA_RUNTIME_IO_UTF8_H
