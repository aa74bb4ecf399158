//===- CaseList.h - Collects cases --------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A case is a template of a program, filled in for each of many shapes. Shared
// by the files that list cases.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CONFORMANCE_CASELIST_H
#define STERNA_TEST_CONFORMANCE_CASELIST_H

#include "Case.h"

#include <algorithm>
#include <initializer_list>
#include <sstream>

namespace sterna::test {

/// What a ternary type ends with for five trits to a byte.
constexpr const char *base3Layout = ", #tern.panel<rows = 8, columns = 20>";

/// Types of attention to samples that share a row: queries, keys, a position,
/// segments of tokens and of columns.
constexpr const char *packedTypes = R"mlir(
    !q = tensor<$Bx$Sx$Hx$Gx$Dxf32>
    !k = tensor<$Bx$Cx$Hx$Dxf32>
    !p = tensor<i32>
    !s = tensor<$Bx$Sxi32>
    !t = tensor<$Bx$Cxi32>
)mlir";

/// Values of the letters of a template, such as {'M', "7"}.
using Letters = std::map<char, std::string>;

/// `text` with each `$X` replaced by the value of X. A letter without a value
/// is kept: `$file(T)`.
inline std::string fill(const std::string &text, const Letters &letters) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    auto letter = text[at] == '$' ? letters.find(text[at + 1]) : letters.end();
    if (letter == letters.end()) {
      result += text[at];
      continue;
    }
    result += letter->second;
    ++at;
  }
  return result;
}

class List {
public:
  /// Adds `text` for each of `shapes`, which give values to the letters of
  /// `names`, in their order.
  void add(const std::string &family, const std::string &text,
           const std::string &names, std::initializer_list<const char *> shapes,
           double tolerance = 1e-6, std::map<std::string, Bounds> ranges = {}) {
    for (const char *shape : shapes) {
      Letters letters;
      std::istringstream values(shape);
      for (char name : names)
        values >> letters[name];
      std::string label = shape;
      std::replace(label.begin(), label.end(), ' ', '_');
      cases.push_back({family, label, fill(text, letters), ranges, tolerance});
    }
  }

  std::vector<Case> cases;
};

/// A number that an input always is.
inline Bounds exactly(double value) { return {value, value}; }

/// Adds the ops of backward passes.
void addGradients(List &list);

/// Adds tables in blocks, and their gradients.
void addBlocks(List &list);

} // namespace sterna::test

#endif // STERNA_TEST_CONFORMANCE_CASELIST_H
