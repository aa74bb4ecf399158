//===- NamePattern.h - Names chosen by a regular expression -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How options choose among names: POSIX extended regular expressions, of the
// whole name.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_NAMEPATTERN_H
#define STERNA_SUPPORT_NAMEPATTERN_H

#include "llvm/Support/Error.h"
#include "llvm/Support/Regex.h"

namespace sterna {

/// An expression that matches what `pattern` matches as a whole. Fails where
/// `pattern` is none.
inline llvm::Expected<llvm::Regex> compileNamePattern(llvm::StringRef pattern) {
  llvm::Regex regex(("^(" + pattern + ")$").str());
  std::string problem;
  // Alone, too, so that no parenthesis closes the one put around it.
  if (!llvm::Regex(pattern).isValid(problem) || !regex.isValid(problem))
    return llvm::createStringError("'" + pattern +
                                   "' is no regular expression: " + problem);
  return regex;
}

} // namespace sterna

#endif // STERNA_SUPPORT_NAMEPATTERN_H
