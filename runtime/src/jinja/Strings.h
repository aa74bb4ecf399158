//===- Strings.h - What filters and methods do to strings -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stripping, splitting, replacing and changing case, as Python's str does, on
// texts that keep their origins. Separate because filters and methods share it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_STRINGS_H
#define STERNA_RUNTIME_JINJA_STRINGS_H

#include "jinja/Builtins.h"

namespace sterna::jinja {

enum class Side { Left, Right, Both };

/// Without the characters of `set`, or white space if it is null, at the ends.
Text strip(const Text &text, const std::string *set, Side side);

enum class Case { Upper, Lower, Title, Capitalized, Words };

/// In another case; fails where that takes more than one character for one.
/// Words: as the filter `title`; Title: as the method.
Text changeCase(Parameters &p, const Text &text, Case kind);

/// Every `from`, at most `most` of them (negative: all), replaced.
Text replaceAll(Parameters &p, const Text &text, const std::string &from,
                const Text &to, int64_t most);

/// As str.split and str.rsplit; separated by white space if `separator` is
/// null.
std::vector<Value> split(Parameters &p, const Text &text,
                         const std::string *separator, int64_t most,
                         bool fromRight);

/// As str.splitlines.
std::vector<Text> splitLines(const Text &text, bool keepEnds);

/// The strings of `items` with `separator` between; `strict`: they must be
/// strings.
Value join(Parameters &p, const Text &separator,
           const std::vector<Value> &items, bool strict);

/// `text` between spaces, or `fill`, in so many characters. `side` is where
/// they go.
Text pad(Parameters &p, const Text &text, int64_t width, Side side,
         const std::string &fill = " ");

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_STRINGS_H
