//===- Sampler.h - Chooses the next token ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy, temperature, top-k and top-p sampling over one row of logits. The
// only arithmetic on the host: it decides, and must do so equally everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_SAMPLER_H
#define STERNA_RUNTIME_GENERATE_SAMPLER_H

#include "io/Status.h"
#include "random/SplitMix64.h"

#include <cstdint>
#include <vector>

namespace sterna {

struct SamplerOptions {
  double temperature = 0; // 0: the most likely token
  uint32_t topK = 0;      // keep the K most likely; 0: all
  double topP = 1;        // keep the fewest whose probabilities reach P
  uint64_t seed = 0;
};

/// Draws tokens. Equal options and logits give equal tokens.
class Sampler {
public:
  /// For rows of `vocabulary` logits.
  Sampler(const SamplerOptions &options, uint32_t vocabulary);

  /// The next token for `logits`. Of equal logits the lowest id is preferred.
  /// Fails where a logit is no number or infinite, other than −∞, which
  /// excludes a token.
  Expected<int32_t> sample(const float *logits);

private:
  struct Candidate {
    float logit = 0;
    int32_t token = 0;
  };

  Status check(const float *logits) const;
  int32_t greedy(const float *logits) const;

  SamplerOptions options;
  SplitMix64 random;
  std::vector<Candidate> candidates;
  std::vector<double> weights;
  uint32_t vocabulary;
};

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_SAMPLER_H
