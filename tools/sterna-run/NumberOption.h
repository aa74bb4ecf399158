//===- NumberOption.h - Options that are numbers --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adds options whose values are read exactly or refused: no sign that wraps
// around, no fraction that is dropped, nothing that is not a number. Separate
// because the parser's own conversions accept such text.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_NUMBEROPTION_H
#define STERNA_TOOLS_STERNARUN_NUMBEROPTION_H

#include "Report.h"
#include "io/Escape.h"

#include <CLI/CLI.hpp>

#include <charconv>
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
  auto text = [](Number number) {
    if constexpr (std::is_integral_v<Number>)
      return std::to_string(number);
    else
      return formatText("%g", number);
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

/// Adds the option `name`, bound to `value`, which keeps what it holds where
/// the option is not given.
template <typename Number>
CLI::Option *addNumber(CLI::App &command, const std::string &name,
                       Number &value, const std::string &description,
                       NumberRange<Number> range = notNegative<Number>()) {
  std::string shown = name.substr(name.find("--"));
  auto read = [&value, range, shown](const std::string &text) {
    Number number{};
    if (!readNumber(text, range, number))
      throw CLI::ValidationError(shown, "expected " + describeRange(range) +
                                            ", but got '" + excerpt(text) +
                                            "'");
    value = number;
  };
  return command.add_option_function<std::string>(name, read, description)
      ->type_name(std::is_integral_v<Number> ? "INTEGER" : "NUMBER");
}

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_NUMBEROPTION_H
