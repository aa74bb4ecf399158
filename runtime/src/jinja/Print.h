//===- Print.h - Values as text: str, repr and JSON -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The three ways in which a value becomes text, each as Python does it: str for
// output and concatenation, repr for what lies in lists, json.dumps for the
// filter tojson. Strings in the values keep their origins.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_PRINT_H
#define STERNA_RUNTIME_JINJA_PRINT_H

#include "jinja/Runtime.h"

#include <optional>

namespace sterna::jinja {

/// The shortest digits that give `value` back, as repr(float) writes them.
std::string formatFloat(double value);

/// Appends str(value).
void print(Runtime &runtime, Text &out, const Value &value);

/// Appends repr(value).
void printRepr(Runtime &runtime, Text &out, const Value &value);

/// str(value) as a value: `value` itself where it is a string.
Value toString(Runtime &runtime, const Value &value);

struct JsonStyle {
  bool ascii = false; // escape what is not ASCII
  bool sortKeys = false;
  std::optional<std::string> indent; // of a level; nothing: one line
  Text itemSeparator = Text(", ");
  Text keySeparator = Text(": ");
};

/// Appends json.dumps(value).
void printJson(Runtime &runtime, Text &out, const Value &value,
               const JsonStyle &style, unsigned level = 0);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_PRINT_H
