//===- Numbers.h - Numbers that are read exactly --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text that is a number of a range, or refused: no sign that wraps around, no
// fraction that is dropped, nothing that is not a number. For options.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_NUMBERS_H
#define STERNA_RUNTIME_IO_NUMBERS_H

#include "io/Escape.h"
#include "io/Status.h"

#include <charconv>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>

namespace sterna {

/// The values that an option takes: both ends, or not the least.
template <typename Number> struct NumberRange {
  Number least;
  Number most;
  bool leastExcluded = false;
};

/// The largest of the type; of fractions the largest that is finite as f32,
/// which programs take.
template <typename Number> constexpr Number largest() {
  if constexpr (std::is_integral_v<Number>)
    return std::numeric_limits<Number>::max();
  else
    return std::numeric_limits<float>::max();
}
template <typename Number> NumberRange<Number> notNegative() {
  return {0, largest<Number>()};
}
template <typename Number> NumberRange<Number> positive() {
  return {0, largest<Number>(), /*leastExcluded=*/true};
}

/// "a whole number from 1 to 1024", "a number above 0 and up to 3.4e+38".
template <typename Number>
std::string describeRange(const NumberRange<Number> &range) {
  auto text = [](Number number) -> std::string {
    if constexpr (std::is_integral_v<Number>)
      return std::to_string(number);
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%g", double(number));
    return digits;
  };
  return std::string(std::is_integral_v<Number> ? "a whole number "
                                                : "a number ") +
         (range.leastExcluded ? "above " : "from ") + text(range.least) +
         (range.leastExcluded ? " and up to " : " to ") + text(range.most);
}

/// Reads all of `text` as a number in `range`; false if it is none.
template <typename Number>
bool readNumber(const std::string &text, const NumberRange<Number> &range,
                Number &value) {
  const char *end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  // Comparisons with what is not a number are false.
  return error == std::errc() && rest == end && value >= range.least &&
         value <= range.most && !(range.leastExcluded && value == range.least);
}

/// The same, into `value` alone if it is one; else says what was expected.
template <typename Number>
Status parseNumber(const std::string &text, const NumberRange<Number> &range,
                   Number &value) {
  Number number{};
  if (!readNumber(text, range, number))
    return Status::error("expected " + describeRange(range) + ", but got '" +
                         excerpt(text) + "'");
  value = number;
  return Status();
}

} // namespace sterna

#endif // STERNA_RUNTIME_IO_NUMBERS_H
