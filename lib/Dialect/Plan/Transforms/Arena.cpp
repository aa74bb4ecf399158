//===- Arena.cpp - Offsets from live ranges -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy placement in several orders. What competes with a range is kept in a
// tree over the steps, so that a range that lives long costs no more than a
// short one.
//
//===----------------------------------------------------------------------===//

#include "Arena.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

using namespace sterna::plan;

namespace {

/// Bytes that are taken: disjoint intervals, begin to end, joined where they
/// touch. VerifyPlan.cpp has a set of its own, for it shares no code with what
/// it verifies.
class TakenBytes {
public:
  void insert(int64_t begin, int64_t end) {
    auto it = intervals.upper_bound(begin);
    if (it != intervals.begin() && std::prev(it)->second >= begin)
      --it;
    while (it != intervals.end() && it->first <= end) {
      begin = std::min(begin, it->first);
      end = std::max(end, it->second);
      it = intervals.erase(it);
    }
    intervals[begin] = end;
  }

  /// The lowest offset from `offset` on at which `bytes` bytes are free.
  int64_t findFree(int64_t offset, int64_t bytes) const {
    auto it = intervals.upper_bound(offset);
    if (it != intervals.begin() && std::prev(it)->second > offset)
      --it;
    for (; it != intervals.end() && it->first < offset + bytes; ++it)
      offset = it->second;
    return offset;
  }

private:
  std::map<int64_t, int64_t> intervals;
};

/// What is taken in each step, as a binary tree of spans of steps.
class TakenBySteps {
public:
  explicit TakenBySteps(int64_t steps)
      : steps(std::max<int64_t>(steps, 1)), nodes(4 * this->steps) {}

  void insert(const LiveRange &range) {
    int64_t end = llvm::alignTo(range.offset + range.bytes, bufferAlignment);
    visit(range, root(), [&](Node &node, bool whole) {
      node.somewhere.insert(range.offset, end);
      if (whole)
        node.everywhere.insert(range.offset, end);
    });
  }

  /// The lowest offset that is free in all steps of `range`.
  int64_t findFree(const LiveRange &range) {
    llvm::SmallVector<const TakenBytes *> competing;
    visit(range, root(), [&](Node &node, bool whole) {
      competing.push_back(whole ? &node.somewhere : &node.everywhere);
    });
    int64_t offset = 0, before;
    do {
      before = offset;
      for (const TakenBytes *taken : competing)
        offset = taken->findFree(offset, range.bytes);
    } while (offset != before);
    return offset;
  }

private:
  struct Node {
    TakenBytes everywhere; // by ranges that live in all of the node's steps,
                           // but for those that a node above has
    TakenBytes somewhere;  // by ranges that live in any of them, but for those
  };

  struct Span {
    size_t node;
    int64_t first, last;
  };

  Span root() const { return {1, 0, steps - 1}; }

  /// Calls `callback` for the fewest nodes whose steps are those of `range`,
  /// as whole, and for the nodes above them.
  template <typename Callback>
  void visit(const LiveRange &range, Span span, Callback callback) {
    if (range.last < span.first || span.last < range.first)
      return;
    bool whole = range.first <= span.first && span.last <= range.last;
    callback(nodes[span.node], whole);
    if (whole)
      return;
    int64_t middle = (span.first + span.last) / 2;
    visit(range, {2 * span.node, span.first, middle}, callback);
    visit(range, {2 * span.node + 1, middle + 1, span.last}, callback);
  }

  int64_t steps;
  std::vector<Node> nodes;
};

} // namespace

static int64_t getSteps(llvm::ArrayRef<LiveRange> ranges) {
  int64_t steps = 0;
  for (const LiveRange &range : ranges)
    steps = std::max(steps, range.last + 1);
  return steps;
}

/// The bytes that are alive in each step.
static std::vector<int64_t> getLiveBytes(llvm::ArrayRef<LiveRange> ranges) {
  std::vector<int64_t> live(getSteps(ranges) + 1);
  for (const LiveRange &range : ranges) {
    int64_t bytes = llvm::alignTo(range.bytes, bufferAlignment);
    live[range.first] += bytes;
    live[range.last + 1] -= bytes;
  }
  std::partial_sum(live.begin(), live.end(), live.begin());
  return live;
}

int64_t sterna::plan::getMostLiveBytes(llvm::ArrayRef<LiveRange> ranges) {
  std::vector<int64_t> live = getLiveBytes(ranges);
  return *std::max_element(live.begin(), live.end());
}

/// Keys by which what lives in the fullest step comes first, in the order in
/// which it begins to live; then the rest by the fullest step of each, and of
/// one step the largest. What the backward pass needs so piles up in the order
/// in which the forward pass leaves it, and all above is free for what is
/// short.
static std::vector<std::tuple<bool, int64_t, int64_t>>
getPileKeys(llvm::ArrayRef<LiveRange> ranges) {
  std::vector<int64_t> live = getLiveBytes(ranges);
  int64_t peak = std::max_element(live.begin(), live.end()) - live.begin();
  std::vector<std::tuple<bool, int64_t, int64_t>> keys;
  for (const LiveRange &range : ranges) {
    bool isPiled = range.first <= peak && peak <= range.last;
    // What is not piled lives for few steps.
    int64_t second = isPiled ? -range.first
                             : *std::max_element(live.begin() + range.first,
                                                 live.begin() + range.last + 1);
    keys.emplace_back(isPiled, second, range.bytes);
  }
  return keys;
}

namespace {

/// Placements of the same ranges, the best of which is kept.
class Search {
public:
  explicit Search(std::vector<LiveRange> &ranges)
      : ranges(ranges), bound(getMostLiveBytes(ranges)) {}

  bool isOver() const { return best >= 0 && best <= bound; }

  /// Places ranges in `order`, of their numbers.
  void place(llvm::ArrayRef<size_t> order) {
    int64_t total = 0;
    TakenBySteps taken(getSteps(ranges));
    for (size_t index : order) {
      LiveRange &range = ranges[index];
      range.offset = taken.findFree(range);
      total = std::max(total, range.offset + range.bytes);
      taken.insert(range);
    }
    total = llvm::alignTo(total, bufferAlignment);
    if (best >= 0 && total >= best)
      return;
    best = total;
    bestRanges = ranges;
    bestOrder = order;
  }

  /// Places first what ended highest, again and again: it found no hole. Fewer
  /// times where there are many ranges, so that compiling stays fast.
  void climb() {
    size_t tries = std::min<size_t>(64, 100'000 / (ranges.size() + 1));
    std::vector<size_t> order = bestOrder;
    ranges = bestRanges;
    for (size_t i = 0; i < tries && !isOver(); ++i) {
      auto highest =
          std::max_element(order.begin(), order.end(), [&](size_t x, size_t y) {
            return ranges[x].offset + ranges[x].bytes <
                   ranges[y].offset + ranges[y].bytes;
          });
      std::rotate(order.begin(), highest, highest + 1);
      place(order);
    }
  }

  int64_t finish() {
    ranges = std::move(bestRanges);
    return best;
  }

private:
  std::vector<LiveRange> &ranges;
  int64_t bound, best = -1;
  std::vector<LiveRange> bestRanges;
  std::vector<size_t> bestOrder;
};

} // namespace

int64_t sterna::plan::placeInArena(std::vector<LiveRange> &ranges) {
  using Key = int64_t (*)(const LiveRange &);
  constexpr Key keys[] = {
      [](const LiveRange &range) { return range.bytes; },
      [](const LiveRange &range) { return range.last - range.first; },
      [](const LiveRange &range) {
        return range.bytes * (range.last - range.first + 1);
      },
      [](const LiveRange &range) { return -range.first; }};
  Search search(ranges);
  auto placeBy = [&](auto key) {
    if (search.isOver())
      return;
    std::vector<size_t> order(ranges.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t x, size_t y) { return key(x) > key(y); });
    search.place(order);
  };
  for (Key key : keys)
    placeBy([&](size_t index) { return key(ranges[index]); });
  auto pileKeys = getPileKeys(ranges);
  placeBy([&](size_t index) { return pileKeys[index]; });
  search.climb();
  return search.finish();
}
