//===- StopStrings.cpp - Texts that end a generation ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See StopStrings.h.
//
//===----------------------------------------------------------------------===//

#include "generate/StopStrings.h"

#include <algorithm>
#include <utility>

using namespace sterna;

/// Length of the longest end of `text` that begins `stop` without being it.
static size_t overlapOf(const std::string &text, const std::string &stop) {
  size_t length = std::min(text.size(), stop.size() - 1);
  while (text.compare(text.size() - length, length, stop, 0, length) != 0)
    --length;
  return length;
}

std::string StopStrings::push(const std::string &text) {
  if (complete)
    return {};
  held += text;
  size_t first = std::string::npos;
  size_t keep = 0;
  for (const std::string &stop : stops) {
    first = std::min(first, held.find(stop));
    keep = std::max(keep, overlapOf(held, stop));
  }
  complete = first != std::string::npos;
  std::string shown = held.substr(0, complete ? first : held.size() - keep);
  held.erase(0, complete ? held.size() : shown.size());
  return shown;
}

std::string StopStrings::finish() { return std::exchange(held, {}); }
