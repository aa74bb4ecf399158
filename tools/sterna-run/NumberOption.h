//===- NumberOption.h - Options that are numbers --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adds options whose values are read exactly or refused. Separate because the
// parser's own conversions accept other text.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_NUMBEROPTION_H
#define STERNA_TOOLS_STERNARUN_NUMBEROPTION_H

#include "io/Numbers.h"

#include <CLI/CLI.hpp>

#include <string>
#include <type_traits>

namespace sterna {

/// Adds the option `name`, bound to `value`, which keeps what it holds where
/// the option is not given.
template <typename Number>
CLI::Option *addNumber(CLI::App &command, const std::string &name,
                       Number &value, const std::string &description,
                       NumberRange<Number> range = notNegative<Number>()) {
  std::string shown = name.substr(name.find("--"));
  auto read = [&value, range, shown](const std::string &text) {
    if (Status status = parseNumber(text, range, value); !status.ok())
      throw CLI::ValidationError(shown, status.message());
  };
  return command.add_option_function<std::string>(name, read, description)
      ->type_name(std::is_integral_v<Number> ? "INTEGER" : "NUMBER");
}

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_NUMBEROPTION_H
