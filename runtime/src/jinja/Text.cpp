//===- Text.cpp - Bytes that know where they came from --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Appending and cutting texts run by run.
//
//===----------------------------------------------------------------------===//

#include "jinja/Text.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;

Text::Text(std::string bytes, int32_t origin) : content(std::move(bytes)) {
  addRun(content.size(), origin);
}

void Text::addRun(size_t length, int32_t origin) {
  if (!parts.empty() && parts.back().origin == origin)
    parts.back().length += length;
  else if (length || origin != templateOrigin)
    parts.push_back({length, origin});
}

void Text::append(const Text &text) {
  content += text.content;
  for (const Run &run : text.parts)
    addRun(run.length, run.origin);
}

void Text::append(const Text &text, size_t begin, size_t end) {
  content.append(text.content, begin, end - begin);
  size_t start = 0;
  int32_t touched = templateOrigin;
  bool added = false;
  for (const Run &run : text.parts) {
    size_t stop = start + run.length;
    if (start > end)
      break;
    size_t first = std::max(start, begin), last = std::min(stop, end);
    if (first < last || (run.length == 0 && start >= begin)) {
      addRun(last - first, run.origin);
      added = true;
    } else if (stop >= begin && run.origin != templateOrigin) {
      touched = run.origin;
    }
    start = stop;
  }
  // An empty piece of a message is still a piece of the message.
  if (begin == end && !added)
    addRun(0, touched);
}

void Text::append(std::string_view bytes, int32_t origin) {
  content += bytes;
  addRun(bytes.size(), origin);
}

Text Text::slice(size_t begin, size_t end) const {
  Text result;
  result.append(*this, begin, end);
  return result;
}

int32_t OriginCursor::at(size_t offset) {
  while (index < runs.size() && offset >= end + runs[index].length)
    end += runs[index++].length;
  return index < runs.size() ? runs[index].origin : templateOrigin;
}
