//===- PromptPlan.cpp - Prompts cut into compiled lengths -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See PromptPlan.h. The largest bucket is used while it is full; what remains
// is shorter than that, so an exact search over it is small.
//
//===----------------------------------------------------------------------===//

#include "generate/PromptPlan.h"

#include <algorithm>
#include <string>

using namespace sterna;

namespace {

/// What a run costs beside its tokens, in tokens: a one-token run reads all
/// weights, which takes about as long as computing some more tokens.
constexpr uint64_t runCost = 8;

/// The cheapest plan for the last `count` tokens: best[n] is the first run when
/// n tokens are left.
struct Choice {
  uint64_t cost = UINT64_MAX;
  uint32_t bucket = 0;
};

std::vector<Choice> search(const std::vector<uint32_t> &buckets, uint32_t count,
                           uint32_t end, uint32_t context) {
  std::vector<Choice> best(count + 1);
  best[0].cost = 0;
  for (uint32_t left = 1; left <= count; ++left)
    for (uint32_t bucket : buckets) {
      uint32_t position = end - left;
      uint64_t after = best[left - std::min(bucket, left)].cost;
      if (uint64_t(position) + bucket > context || after == UINT64_MAX)
        continue;
      uint64_t cost = after + bucket + runCost;
      if (cost < best[left].cost)
        best[left] = {cost, bucket};
    }
  return best;
}

} // namespace

Expected<std::vector<PromptChunk>>
sterna::planPrompt(std::vector<uint32_t> buckets, uint32_t count,
                   uint32_t position, uint32_t context) {
  uint64_t end = uint64_t(position) + count;
  if (end > context)
    return Status::error(
        "expected at most " + std::to_string(context) +
        " tokens of context, but got " + std::to_string(end) +
        ": shorten the text or compile with a larger --max-context");
  std::sort(buckets.rbegin(), buckets.rend());
  std::vector<PromptChunk> plan;
  uint32_t left = count;
  while (!buckets.empty() && left >= buckets.front()) {
    plan.push_back({buckets.front(), buckets.front()});
    left -= buckets.front();
  }
  std::vector<Choice> best = search(buckets, left, uint32_t(end), context);
  while (left > 0) {
    uint32_t bucket = best[left].bucket;
    if (bucket == 0)
      return Status::error("no forward program of the module fits the last " +
                           std::to_string(left) + " tokens of the context");
    uint32_t length = std::min(bucket, left);
    plan.push_back({bucket, length});
    left -= length;
  }
  return plan;
}
