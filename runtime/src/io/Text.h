//===- Text.h - Small things that readers of text share -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_TEXT_H
#define STERNA_RUNTIME_IO_TEXT_H

#include <algorithm>
#include <iterator>
#include <string_view>

namespace sterna {

/// White space of JSON.
constexpr std::string_view blanks = " \t\r\n";

/// Whether `text` is white space alone, or empty.
inline bool isBlank(std::string_view text) {
  return text.find_first_not_of(blanks) == std::string_view::npos;
}

/// Whether `item` is one of `list`.
template <class List, class Item>
bool contains(const List &list, const Item &item) {
  return std::find(std::begin(list), std::end(list), item) != std::end(list);
}

} // namespace sterna

#endif // STERNA_RUNTIME_IO_TEXT_H
