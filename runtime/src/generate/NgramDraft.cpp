//===- NgramDraft.cpp - Drafts from what was said before ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See NgramDraft.h.
//
//===----------------------------------------------------------------------===//

#include "generate/NgramDraft.h"

#include <algorithm>

using namespace sterna;

/// Tokens that two places must have in common, and those that are compared.
static constexpr size_t shortest = 2, longest = 4;

std::vector<int32_t>
sterna::draftFromNgrams(const std::vector<int32_t> &history, uint32_t most) {
  size_t bestLength = 0, best = 0;
  // `end` is behind the earlier place.
  for (size_t end = history.size(); end-- > 1;) {
    size_t length = 0;
    while (length < std::min(longest, end) &&
           history[end - 1 - length] == history[history.size() - 1 - length])
      ++length;
    if (length > bestLength) {
      bestLength = length;
      best = end;
    }
    if (bestLength == longest)
      break;
  }
  if (bestLength < shortest)
    return {};
  size_t count = std::min<size_t>(most, history.size() - best);
  return {history.begin() + long(best), history.begin() + long(best + count)};
}
