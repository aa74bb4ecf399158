//===- Packing.cpp - Which samples share a sequence -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Packing.h.
//
//===----------------------------------------------------------------------===//

#include "text/Packing.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <set>
#include <utility>

using namespace sterna;

using Numbers = std::vector<uint64_t>;

static Numbers numbersBelow(uint64_t count) {
  Numbers numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

Packing sterna::packNone(uint64_t count) {
  Packing packing{numbersBelow(count), numbersBelow(count)};
  for (uint64_t &end : packing.ends)
    ++end;
  return packing;
}

/// The samples of each sequence, both in the order in which they were begun.
static std::vector<Numbers> fillSequences(const std::vector<Sample> &samples,
                                          uint32_t length) {
  Numbers byLength = numbersBelow(samples.size());
  std::stable_sort(
      byLength.begin(), byLength.end(), [&](uint64_t left, uint64_t right) {
        return samples[left].tokens.size() > samples[right].tokens.size();
      });
  std::vector<Numbers> sequences;
  std::set<std::pair<uint64_t, uint64_t>> rooms; // of a sequence: its number
  for (uint64_t number : byLength) {
    uint64_t size = samples[number].tokens.size();
    assert(size <= length && "sample longer than a sequence");
    auto place = rooms.lower_bound({size, 0});
    if (place == rooms.end()) {
      place = rooms.insert({length, sequences.size()}).first;
      sequences.emplace_back();
    }
    auto [room, sequence] = *place;
    sequences[sequence].push_back(number);
    rooms.erase(place);
    rooms.insert({room - size, sequence});
  }
  return sequences;
}

Packing sterna::packSamples(const std::vector<Sample> &samples,
                            uint32_t length) {
  std::vector<Numbers> sequences = fillSequences(samples, length);
  for (Numbers &sequence : sequences)
    std::sort(sequence.begin(), sequence.end());
  std::sort(sequences.begin(), sequences.end());
  Packing packing;
  for (const Numbers &sequence : sequences) {
    packing.samples.insert(packing.samples.end(), sequence.begin(),
                           sequence.end());
    packing.ends.push_back(packing.samples.size());
  }
  return packing;
}
