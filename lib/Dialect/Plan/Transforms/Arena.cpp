//===- Arena.cpp - Offsets from live ranges -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy placement by size.
//
//===----------------------------------------------------------------------===//

#include "Arena.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace sterna::plan;

int64_t sterna::plan::placeInArena(std::vector<LiveRange> &ranges) {
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return ranges[x].bytes > ranges[y].bytes;
  });
  int64_t steps = 0, total = 0;
  for (const LiveRange &range : ranges)
    steps = std::max(steps, range.last + 1);
  // Placed ranges by the steps they live in: only neighbours in time compete.
  std::vector<std::vector<size_t>> placed(steps);
  for (size_t index : order) {
    LiveRange &range = ranges[index];
    std::set<std::pair<int64_t, int64_t>> taken; // offset, end
    for (int64_t step = range.first; step <= range.last; ++step)
      for (size_t other : placed[step])
        taken.emplace(ranges[other].offset,
                      ranges[other].offset + ranges[other].bytes);
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + range.bytes <= begin)
        break;
      offset = std::max<int64_t>(offset, llvm::alignTo(end, bufferAlignment));
    }
    range.offset = offset;
    total = std::max(total, offset + range.bytes);
    for (int64_t step = range.first; step <= range.last; ++step)
      placed[step].push_back(index);
  }
  return llvm::alignTo(total, bufferAlignment);
}
