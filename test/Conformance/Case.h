//===- Case.h - A program that every target must compute --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a case says, separate from how it is run: the list knows nothing of
// targets but what they cannot do.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CONFORMANCE_CASE_H
#define STERNA_TEST_CONFORMANCE_CASE_H

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace sterna::test {

/// Bounds of random elements; both ends belong to it for integers.
struct Bounds {
  double low, high;
};

struct Case {
  /// Cases of a family are one row of the table.
  std::string family, shape;
  /// A module with one program function, `run`. `$file(T)` stands for the
  /// source of a parameter of element type T, or `trit`.
  std::string text;
  /// By the name of an input or state tensor; others are in [-1, 1], or
  /// [-128, 127] for i8.
  std::map<std::string, Bounds> ranges;
  /// Largest root mean square of the differences, relative to that of the
  /// expected elements; ten times it is the largest single one. Zero asks for
  /// the same bits, as integers always do.
  double tolerance = 1e-6;

  std::string name() const { return family + "_" + shape; }
};

/// How failures and lists of tests show a case.
inline void PrintTo(const Case &c, std::ostream *out) { *out << c.name(); }

/// All cases, those of a family together.
std::vector<Case> listCases();

/// Why no target can compute case `name`; empty if all must.
std::string whyUnsupported(const std::string &name);

} // namespace sterna::test

#endif // STERNA_TEST_CONFORMANCE_CASE_H
