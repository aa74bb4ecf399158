//===- Unicode.h - Characters as Python's strings see them ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What filters and methods ask of characters: is it white space, does repr
// print it, what is its other case? Answers are those of Python, on which
// templates were written; where an answer needs more than this knows, it says
// so instead of guessing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_UNICODE_H
#define STERNA_RUNTIME_JINJA_UNICODE_H

#include "io/Utf8.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sterna::jinja {

/// The character at `offset`, which lies within `text`; a byte that is no UTF-8
/// counts as one.
Character decode(std::string_view text, size_t offset);

/// The number of characters.
size_t countCharacters(std::string_view text);

/// The offset of the character number `index`; the size beyond the last.
size_t offsetOfCharacter(std::string_view text, size_t index);

/// True for what str.isspace() accepts.
bool isSpace(char32_t code);

/// True for what str.splitlines() ends a line at.
bool isLineEnd(char32_t code);

/// True for what repr() leaves as it is.
bool isPrintable(char32_t code);

/// True for decimal digits of any script.
bool isDigit(char32_t code);

/// The character's other case, itself where it has none; nothing where that is
/// not one character or depends on its neighbours.
std::optional<char32_t> toUpper(char32_t code);
std::optional<char32_t> toLower(char32_t code);

/// The case of the first character of a capitalized word, likewise.
std::optional<char32_t> toTitle(char32_t code);

/// The offsets between which `text` remains when white space is stripped.
size_t skipSpace(std::string_view text, size_t offset);
size_t skipSpaceBack(std::string_view text, size_t end, size_t begin = 0);

/// The offset of the last character of `text` before `end`, which is not 0.
size_t previousCharacter(std::string_view text, size_t end);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_UNICODE_H
