//===- ByteAlphabet.h - The characters that stand for bytes ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Byte-level vocabularies spell each byte as a printable character: bytes that
// print in Latin-1 as themselves, the others, in order, as U+0100 and on: a
// space is U+0120. Separate because pieces and pre-tokenizers use it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BYTEALPHABET_H
#define STERNA_RUNTIME_TEXT_BYTEALPHABET_H

#include "text/AlignedText.h"

#include <optional>
#include <string>
#include <string_view>

namespace sterna {

/// The character that stands for `byte`.
char32_t characterOfByte(unsigned char byte);

/// The byte that a character stands for, or -1.
int byteOfCharacter(char32_t code);

/// Spells the bytes of `span`.
void spellBytes(const TextSpan &span, AlignedText &result);

/// The bytes that `spelled`, which is valid UTF-8, stands for; none where a
/// character stands for no byte.
std::optional<std::string> unspellBytes(std::string_view spelled);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BYTEALPHABET_H
