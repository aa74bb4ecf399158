//===- Unicode.cpp - Characters and their classes -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Unicode.h.
//
//===----------------------------------------------------------------------===//

#include "text/Unicode.h"

#include <utf8proc.h>

using namespace sterna;

bool sterna::isSpaceCharacter(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 ||
         code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

static utf8proc_category_t categoryOf(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

/// Symbols that are alphabetic: letters in circles and squares.
static bool isLetterSymbol(char32_t code) {
  return (code >= 0x24B6 && code <= 0x24E9) ||
         (code >= 0x1F130 && code <= 0x1F149) ||
         (code >= 0x1F150 && code <= 0x1F169) ||
         (code >= 0x1F170 && code <= 0x1F189);
}

bool sterna::isWordCharacter(char32_t code) {
  switch (categoryOf(code)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default: // joiners are format characters
    return code == 0x200C || code == 0x200D || isLetterSymbol(code);
  }
}

bool sterna::isNumberCharacter(char32_t code) {
  utf8proc_category_t category = categoryOf(code);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

bool sterna::isPunctuationCharacter(char32_t code) {
  if (code < 0x80)
    return code > 0x20 && code < 0x7F && !(code >= '0' && code <= '9') &&
           !(code >= 'A' && code <= 'Z') && !(code >= 'a' && code <= 'z');
  switch (categoryOf(code)) {
  case UTF8PROC_CATEGORY_PC:
  case UTF8PROC_CATEGORY_PD:
  case UTF8PROC_CATEGORY_PS:
  case UTF8PROC_CATEGORY_PE:
  case UTF8PROC_CATEGORY_PI:
  case UTF8PROC_CATEGORY_PF:
  case UTF8PROC_CATEGORY_PO:
    return true;
  default:
    return false;
  }
}

void sterna::appendLowerCase(std::string &text, char32_t code) {
  appendCharacter(text, static_cast<char32_t>(utf8proc_tolower(
                            static_cast<utf8proc_int32_t>(code))));
  if (code == 0x130)
    appendCharacter(text, 0x307);
}
