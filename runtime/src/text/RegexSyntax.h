//===- RegexSyntax.h - Published regular expressions, as PCRE2 reads them -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokenizers publish expressions in Oniguruma's Ruby syntax. Most of it means
// the same to PCRE2; what does not is rewritten, and what cannot be is refused
// by name, so that no expression splits text in another way than its author
// saw. Separate from the engine, which is Regex.h.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_REGEXSYNTAX_H
#define STERNA_RUNTIME_TEXT_REGEXSYNTAX_H

#include "io/Status.h"

#include <string>
#include <string_view>

namespace sterna {

/// `pattern`, which is valid UTF-8, in PCRE2's syntax, for its options UTF, UCP
/// and MULTILINE. What differs:
///
/// - `\s` is Unicode's white space; PCRE2 counts U+180E, too
/// - `\w` counts marks and connectors; `\h` is a hexadecimal digit
/// - `{1,3}+` repeats a repetition, and is not possessive; `{,3}` begins at 0
/// - `\p{Han}` is the script, without characters that others share
///
/// Refused are back references, conditions, `\b`, `\R`, `\X`, sets in sets,
/// options but `(?i:...)`, and letters whose cases differ in number.
Expected<std::string> toPcre2Syntax(std::string_view pattern);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_REGEXSYNTAX_H
