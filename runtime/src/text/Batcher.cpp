//===- Batcher.cpp - Samples in order, in batches -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shuffling and padding behind Batcher.h. Not by std::shuffle, which gives
// different orders with different standard libraries.
//
//===----------------------------------------------------------------------===//

#include "text/Batcher.h"

#include "random/SplitMix64.h"

#include <algorithm>
#include <cassert>
#include <numeric>

using namespace sterna;

std::vector<uint64_t> sterna::shuffledOrder(uint64_t count, SplitMix64 random) {
  std::vector<uint64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (uint64_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

Batcher::Batcher(const std::vector<Sample> &samples,
                 const BatchOptions &options)
    : samples(samples), options(options),
      packing(options.pack ? packSamples(samples, options.sequenceLength)
                           : packNone(samples.size())) {
  assert(options.batch >= 1 && "a batch has at least one row");
}

uint64_t Batcher::batchesPerEpoch() const {
  return (packing.sequences() + options.batch - 1) / options.batch;
}

void Batcher::fill(uint64_t epoch, uint64_t index, Batch &batch) {
  if (options.shuffle && orderEpoch != epoch) {
    order = shuffledOrder(packing.sequences(),
                          SplitMix64::at({options.seed, epoch}));
    orderEpoch = epoch;
  }
  const size_t columns = options.sequenceLength;
  batch.tokens.assign(options.batch * columns, options.padToken);
  batch.labels.assign(options.batch * columns, maskedLabel);
  batch.positions.resize(options.batch * columns);
  for (size_t i = 0; i < batch.positions.size(); ++i)
    batch.positions[i] = int32_t(i % columns);
  batch.segments.assign(options.batch * columns, -1);
  batch.realTokens = 0;
  batch.trainedTokens = 0;
  for (uint64_t row = 0; row < options.batch; ++row) {
    uint64_t position = index * options.batch + row;
    if (position >= packing.sequences())
      break;
    fillRow(options.shuffle ? order[position] : position, row * columns, batch);
  }
}

void Batcher::fillRow(uint64_t sequence, size_t offset, Batch &batch) const {
  const uint64_t begin = packing.begin(sequence);
  for (uint64_t i = begin; i < packing.ends[sequence]; ++i) {
    const Sample &sample = samples[packing.samples[i]];
    auto at = static_cast<std::ptrdiff_t>(offset);
    std::copy(sample.tokens.begin(), sample.tokens.end(),
              batch.tokens.begin() + at);
    std::copy(sample.labels.begin(), sample.labels.end(),
              batch.labels.begin() + at);
    if (i > begin)
      batch.labels[offset] = maskedLabel;
    size_t size = sample.tokens.size();
    std::iota(batch.positions.begin() + at,
              batch.positions.begin() + at + std::ptrdiff_t(size), 0);
    std::fill_n(batch.segments.begin() + at, size, int32_t(i - begin));
    offset += size;
    batch.realTokens += size;
    batch.trainedTokens += countTrainedLabels(sample);
  }
}
