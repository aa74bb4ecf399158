//===- Sort.h - A stable sort that any order is safe with -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The standard library's sorts may leave their range where an order is no
// order: values of a template can be NaN, and comparing them can fail. This
// one merges, and touches nothing outside whatever `less` says.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_SORT_H
#define STERNA_RUNTIME_JINJA_SORT_H

#include <algorithm>
#include <vector>

namespace sterna::jinja {

/// Sorts `items`; equal ones keep their order.
template <class T, class Less>
void mergeSort(std::vector<T> &items, Less less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t left = begin, middle = std::min(begin + width, items.size());
      size_t right = middle, end = std::min(middle + width, items.size());
      for (size_t out = begin; out < end; ++out) {
        bool takeRight =
            left == middle || (right < end && less(items[right], items[left]));
        merged[out] = std::move(items[takeRight ? right++ : left++]);
      }
    }
    items.swap(merged);
  }
}

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_SORT_H
