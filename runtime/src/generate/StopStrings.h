//===- StopStrings.h - Texts that end a generation ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks for stop strings in text that arrives in pieces, and holds back what
// may become one. Separate because it is pure logic worth testing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_STOPSTRINGS_H
#define STERNA_RUNTIME_GENERATE_STOPSTRINGS_H

#include <string>
#include <vector>

namespace sterna {

class StopStrings {
public:
  /// None of `stops` is empty.
  explicit StopStrings(std::vector<std::string> stops)
      : stops(std::move(stops)) {}

  /// Adds `text`; returns what can be shown: all but an end that begins a stop
  /// string. Once one is complete, what lies before its first occurrence is
  /// returned, and nothing more.
  std::string push(const std::string &text);

  /// Whether a stop string was found.
  bool found() const { return complete; }

  /// What is held back, where no more text comes.
  std::string finish();

private:
  std::vector<std::string> stops;
  std::string held;
  bool complete = false;
};

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_STOPSTRINGS_H
