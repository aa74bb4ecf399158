//===- Escape.cpp - Names from files in messages --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The escapes behind Escape.h.
//
//===----------------------------------------------------------------------===//

#include "io/Escape.h"

#include "io/Utf8.h"

using namespace sterna;

namespace {

/// Control characters of ASCII, and those that UTF-8 writes as C2 80 .. C2 9F.
bool isControl(std::string_view character) {
  auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1)
    return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

void appendEscaped(std::string &result, char byte) {
  switch (byte) {
  case '\n':
    result += "\\n";
    return;
  case '\r':
    result += "\\r";
    return;
  case '\t':
    result += "\\t";
    return;
  default:
    result += "\\x" + sterna::hexadecimal(&byte, 1);
  }
}

} // namespace

std::string sterna::hexadecimal(const void *data, size_t size) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto *byte = static_cast<const unsigned char *>(data),
                  *end = byte + size;
       byte != end; ++byte) {
    text += digits[*byte >> 4];
    text += digits[*byte & 15];
  }
  return text;
}

std::string sterna::escapeControls(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    Utf8Front front = inspectFront(text);
    bool whole = front.kind == Utf8Front::Character;
    std::string_view bytes = text.substr(0, whole ? front.length : 1);
    if (whole && !isControl(bytes))
      result += bytes;
    else
      for (char byte : bytes)
        appendEscaped(result, byte);
    text.remove_prefix(bytes.size());
  }
  return result;
}

std::string sterna::excerpt(std::string_view text, size_t most) {
  size_t end = 0;
  for (size_t count = 0; end < text.size() && count < most; ++count)
    end += announcedLength(text.substr(end));
  std::string result = escapeControls(text.substr(0, end));
  return end < text.size() ? result + "..." : result;
}
