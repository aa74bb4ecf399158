//===- ByteAlphabet.cpp - The characters that stand for bytes -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ByteAlphabet.h.
//
//===----------------------------------------------------------------------===//

#include "text/ByteAlphabet.h"

#include "text/Unicode.h"

#include <array>

using namespace sterna;

namespace {

struct Alphabet {
  std::array<char32_t, 256> characters = {};
  std::array<std::string, 256> spellings;
  std::array<int16_t, 0x180> bytes = {};

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      // The soft hyphen, 0xAD, does not print.
      bool prints =
          (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      char32_t character = prints ? byte : next++;
      characters[byte] = character;
      bytes[character] = static_cast<int16_t>(byte);
      appendCharacter(spellings[byte], character);
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}

} // namespace

char32_t sterna::characterOfByte(unsigned char byte) {
  return alphabet().characters[byte];
}

int sterna::byteOfCharacter(char32_t code) {
  const auto &bytes = alphabet().bytes;
  return code < bytes.size() ? bytes[code] : -1;
}

void sterna::spellBytes(const TextSpan &span, AlignedText &result) {
  const auto &spellings = alphabet().spellings;
  for (size_t i = 0; i < span.text.size(); ++i)
    result.append(spellings[static_cast<unsigned char>(span.text[i])],
                  span.originOf(i));
}

std::optional<std::string> sterna::unspellBytes(std::string_view spelled) {
  std::string bytes;
  while (!spelled.empty()) {
    Character character = firstCharacter(spelled);
    int byte = byteOfCharacter(character.code);
    if (byte < 0)
      return std::nullopt;
    bytes += static_cast<char>(byte);
    spelled.remove_prefix(character.length);
  }
  return bytes;
}
