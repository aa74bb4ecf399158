//===- StateLayout.cpp - The state that a session allocates ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See StateLayout.h.
//
//===----------------------------------------------------------------------===//

#include "core/StateLayout.h"

#include <algorithm>

using namespace sterna;

namespace {

/// Buffers keep their alignment, a cache line, wherever they are moved.
constexpr uint64_t alignment = 64;

struct Range {
  uint64_t begin;
  uint64_t end;
};

/// The union of `ranges`, in order.
std::vector<Range> join(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range &x, const Range &y) { return x.begin < y.begin; });
  std::vector<Range> joined;
  for (const Range &range : ranges) {
    if (!joined.empty() && range.begin <= joined.back().end)
      joined.back().end = std::max(joined.back().end, range.end);
    else
      joined.push_back(range);
  }
  return joined;
}

/// State that `programs` bind; the verifier has shown that it lies in the
/// space.
std::vector<Range> bindings(const Module &module,
                            const std::vector<uint32_t> &programs) {
  std::vector<Range> ranges;
  for (uint32_t index : programs) {
    const format::Program *program = module.plan().programs()->Get(index);
    for (const format::Dispatch *dispatch : orEmpty(program->dispatches()))
      for (const format::Binding *binding : orEmpty(dispatch->bindings()))
        if (binding->space() == format::Space::state && binding->size() > 0)
          ranges.push_back(
              {binding->offset(), binding->offset() + binding->size()});
  }
  return ranges;
}

bool overlapsAny(const Range &range, const std::vector<Range> &joined) {
  auto next = std::upper_bound(
      joined.begin(), joined.end(), range.begin,
      [](uint64_t begin, const Range &other) { return begin < other.end; });
  return next != joined.end() && next->begin < range.end;
}

} // namespace

StateLayout::StateLayout(const Module &module,
                         const std::vector<uint32_t> &programs) {
  std::vector<Range> touched = join(bindings(module, programs));
  std::vector<Range> whole = touched;
  for (const format::StateTensor *tensor : orEmpty(module.plan().state())) {
    Range range{tensor->offset(),
                tensor->offset() + *elementCount(tensor->shape()) *
                                       elementSize(tensor->type())};
    if (overlapsAny(range, touched))
      whole.push_back(range);
  }
  uint64_t stateBytes = module.plan().state_bytes();
  for (Range &range : whole) {
    range.begin -= range.begin % alignment;
    range.end += std::min(-range.end % alignment, stateBytes - range.end);
  }
  for (const Range &range : join(std::move(whole))) {
    // All but the last end at a multiple of the alignment, too.
    runs.push_back({range.begin, range.end, total});
    total += range.end - range.begin;
  }
}

std::optional<uint64_t> StateLayout::find(uint64_t offset,
                                          uint64_t size) const {
  if (size == 0)
    return 0;
  auto next = std::upper_bound(
      runs.begin(), runs.end(), offset,
      [](uint64_t value, const Run &run) { return value < run.begin; });
  if (next == runs.begin())
    return std::nullopt;
  const Run &run = *std::prev(next);
  if (offset >= run.end || size > run.end - offset)
    return std::nullopt;
  return run.place + (offset - run.begin);
}
