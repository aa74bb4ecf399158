//===- Utf8.h - UTF-8 at the level of bytes -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The questions that reading, tokenizing and streaming ask of UTF-8: how long
// does a character claim to be, is it whole, and where does a text stop to be
// UTF-8? Separate because messages, data and the tokenizer use it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_UTF8_H
#define STERNA_RUNTIME_IO_UTF8_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

} // namespace sterna

#endif // STERNA_RUNTIME_IO_UTF8_H
