//===- PromptPlan.h - Prompts cut into compiled lengths -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forward programs have fixed lengths (128, 16, 1): chooses which to run for a
// prompt of any length. Separate because it is a pure function worth testing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_PROMPTPLAN_H
#define STERNA_RUNTIME_GENERATE_PROMPTPLAN_H

#include "io/Status.h"

#include <cstdint>
#include <vector>

namespace sterna {

/// One run of a forward program: `tokens` is its compiled length, `length` how
/// many of them count, the rest being padding.
struct PromptChunk {
  uint32_t tokens = 0;
  uint32_t length = 0;
};

/// Cuts `count` tokens that start at `position` into runs of the compiled
/// lengths `buckets`, at least cost: a run costs its tokens and a constant for
/// reading the weights. No run reaches beyond `context` positions. Fails if the
/// tokens do not fit or no bucket does.
Expected<std::vector<PromptChunk>> planPrompt(std::vector<uint32_t> buckets,
                                              uint32_t count, uint32_t position,
                                              uint32_t context);

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_PROMPTPLAN_H
