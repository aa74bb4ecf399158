//===- Lexer.h - A template as tokens -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Splits a template into text, and the tokens of its tags and expressions.
// White space around tags is dealt with here, as Jinja does with trim_blocks
// and lstrip_blocks on: the parser sees the text that is to be written.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_LEXER_H
#define STERNA_RUNTIME_JINJA_LEXER_H

#include "io/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna::jinja {

struct Token {
  enum class Kind : uint8_t {
    Data,          // text to write
    VariableBegin, // {{
    VariableEnd,
    BlockBegin, // {%
    BlockEnd,
    Name,
    String, // with its quotes, escapes as written
    Integer,
    Float,
    Operator,
    End
  };
  Kind kind = Kind::End;
  uint32_t line = 1;
  std::string_view text; // in the source

  bool is(Kind kind, std::string_view text) const {
    return this->kind == kind && this->text == text;
  }
  bool isOperator(std::string_view text) const {
    return is(Kind::Operator, text);
  }
  bool isName(std::string_view text) const { return is(Kind::Name, text); }
};

/// `source` with "\n" at the end of every line but the last, as Jinja reads it.
std::string normalizeNewlines(std::string_view source);

/// The tokens of `source`, which outlives them; the last one is End.
Expected<std::vector<Token>> tokenize(std::string_view source);

/// What a string literal, quotes included, stands for.
Expected<std::string> unescape(std::string_view literal);

/// The message of an error on a line of the template.
Status errorAt(uint32_t line, const std::string &message);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_LEXER_H
