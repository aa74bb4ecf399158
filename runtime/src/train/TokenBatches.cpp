//===- TokenBatches.cpp - Micro-batches of token sequences ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenBatches.h.
//
//===----------------------------------------------------------------------===//

#include "train/TokenBatches.h"

using namespace sterna;

const MicroBatches::Step &TokenBatches::prepare(uint64_t index) {
  StepRange range =
      rangeOfStep(index, batcher.batchesPerEpoch(), uint32_t(batches.size()));
  current = Step();
  current.index = index;
  for (uint64_t batch = range.first; batch < range.last; ++batch) {
    Batch &target = batches[current.count];
    batcher.fill(range.epoch, batch, target);
    if (target.trainedTokens == 0) {
      ++current.skipped;
      continue;
    }
    ++current.count;
    current.weight += target.trainedTokens;
    current.tokens += target.realTokens;
    current.computed += target.tokens.size();
  }
  return current;
}

Expected<float> TokenBatches::run(size_t number, float lossScale) {
  return programs->micro(batches[number], lossScale, /*accumulate=*/number > 0,
                         {current.index, number});
}
