//===- Sampler.cpp - Chooses the next token -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Sampler.h.
//
//===----------------------------------------------------------------------===//

#include "generate/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

using namespace sterna;

Sampler::Sampler(const SamplerOptions &options, uint32_t vocabulary)
    : options(options), random(options.seed), vocabulary(vocabulary) {
  candidates.reserve(vocabulary);
  weights.reserve(vocabulary);
}

int32_t Sampler::greedy(const float *logits) const {
  uint32_t best = 0;
  for (uint32_t token = 1; token < vocabulary; ++token)
    if (logits[token] > logits[best])
      best = token;
  return int32_t(best);
}

Status Sampler::check(const float *logits) const {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  bool anyFinite = false;
  for (uint32_t token = 0; token < vocabulary; ++token) {
    if (!(logits[token] < infinity)) // or no number
      return Status::error("the logit of token " + std::to_string(token) +
                           " is " + std::to_string(logits[token]) +
                           ": the model or its adapter gives no probabilities");
    anyFinite |= logits[token] > -infinity;
  }
  return anyFinite ? Status() : Status::error("the logits exclude every token");
}

Expected<int32_t> Sampler::sample(const float *logits) {
  if (Status status = check(logits); !status.ok())
    return status;
  if (options.temperature <= 0)
    return greedy(logits);
  candidates.clear();
  for (uint32_t token = 0; token < vocabulary; ++token)
    candidates.push_back({logits[token], int32_t(token)});
  size_t keep = candidates.size();
  if (options.topK > 0)
    keep = std::min<size_t>(keep, options.topK);
  auto moreLikely = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  std::partial_sort(candidates.begin(), candidates.begin() + ptrdiff_t(keep),
                    candidates.end(), moreLikely);

  // Weights relative to the most likely token, so that none overflows.
  double top = candidates[0].logit;
  double total = 0;
  weights.clear();
  for (size_t i = 0; i < keep; ++i) {
    double gap = candidates[i].logit - top;
    weights.push_back(std::exp(gap / options.temperature));
    total += weights.back();
  }
  if (options.topP < 1) {
    double reached = 0;
    size_t count = 0;
    while (count < keep && (count == 0 || reached < options.topP * total))
      reached += weights[count++];
    keep = count;
    total = reached;
  }
  // 53 random bits make a uniform number in [0, 1).
  double draw = double(random.next() >> 11) * 0x1p-53 * total;
  for (size_t i = 0; i + 1 < keep; ++i) {
    draw -= weights[i];
    if (draw < 0)
      return candidates[i].token;
  }
  return candidates[keep - 1].token;
}
