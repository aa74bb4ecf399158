//===- BytePairMerger.cpp - A word to ids by merging neighbours -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BytePairMerger.h.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairMerger.h"

#include <queue>

using namespace sterna;

namespace {

/// Words up to this many symbols are searched through for each merge, which is
/// faster than to keep their merges in order.
constexpr size_t shortWord = 48;

uint64_t pairOf(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
         static_cast<uint32_t>(right);
}

/// A merge that was possible when it was found; the symbol at `position` and
/// the next.
struct Candidate {
  uint32_t rank;
  uint32_t position;
  int32_t merged;

  bool operator>(const Candidate &other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

using Candidates = std::priority_queue<Candidate, std::vector<Candidate>,
                                       std::greater<Candidate>>;

} // namespace

BytePairMerger::BytePairMerger(size_t count) {
  size_t size = 2;
  for (; size < 2 * count; size *= 2)
    --shift;
  table.resize(size);
}

void BytePairMerger::add(int32_t left, int32_t right, uint32_t rank,
                         int32_t merged) {
  uint64_t pair = pairOf(left, right);
  size_t slot = slotOf(pair);
  while (table[slot].pair != UINT64_MAX && table[slot].pair != pair)
    slot = (slot + 1) & (table.size() - 1);
  table[slot] = {pair, rank, merged};
}

/// The entry of a pair; an empty one, of the lowest rank, where it never
/// merges.
const BytePairMerger::Entry &BytePairMerger::find(int32_t left,
                                                  int32_t right) const {
  uint64_t pair = pairOf(left, right);
  size_t slot = slotOf(pair);
  while (table[slot].pair != pair && table[slot].pair != UINT64_MAX)
    slot = (slot + 1) & (table.size() - 1);
  return table[slot];
}

void BytePairMerger::merge(std::vector<WordSymbol> &word) const {
  if (word.size() <= shortWord)
    mergeShort(word);
  else
    mergeLong(word);
}

void BytePairMerger::mergeShort(std::vector<WordSymbol> &word) const {
  if (word.size() < 2)
    return;
  // What each symbol and the next merge to.
  const Entry *pairs[shortWord];
  size_t count = word.size() - 1;
  for (size_t i = 0; i < count; ++i)
    pairs[i] = &find(word[i].id, word[i + 1].id);
  while (count > 0) {
    size_t best = 0;
    for (size_t i = 1; i < count; ++i)
      if (pairs[i]->rank < pairs[best]->rank)
        best = i;
    if (pairs[best]->merged < 0)
      break;
    word[best].id = pairs[best]->merged;
    word[best].size += word[best + 1].size;
    for (size_t i = best + 1; i < count; ++i) {
      word[i] = word[i + 1];
      pairs[i - 1] = pairs[i];
    }
    --count;
    if (best > 0)
      pairs[best - 1] = &find(word[best - 1].id, word[best].id);
    if (best < count)
      pairs[best] = &find(word[best].id, word[best + 1].id);
  }
  word.resize(count + 1);
}

void BytePairMerger::mergeLong(std::vector<WordSymbol> &word) const {
  // Symbols form a list; one that merged into its left neighbour has size 0.
  constexpr uint32_t none = UINT32_MAX;
  uint32_t count = static_cast<uint32_t>(word.size());
  std::vector<uint32_t> previous(count), next(count);
  std::vector<Candidate> found;
  auto lookUp = [&](uint32_t left, uint32_t right, auto take) {
    const Entry &entry = find(word[left].id, word[right].id);
    if (entry.merged >= 0)
      take(Candidate{entry.rank, left, entry.merged});
  };
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? none : i - 1;
    next[i] = i + 1 == count ? none : i + 1;
    if (i > 0)
      lookUp(i - 1, i, [&](Candidate merge) { found.push_back(merge); });
  }
  Candidates candidates(std::greater<Candidate>(), std::move(found));
  auto offer = [&](uint32_t left, uint32_t right) {
    lookUp(left, right, [&](Candidate merge) { candidates.push(merge); });
  };
  while (!candidates.empty()) {
    Candidate merge = candidates.top();
    candidates.pop();
    uint32_t left = merge.position, right = next[left];
    // Skip what an earlier merge has overtaken: a pair that merges to the same
    // token takes the same bytes, and so is the same pair.
    if (word[left].size == 0 || right == none ||
        find(word[left].id, word[right].id).merged != merge.merged)
      continue;
    word[left].id = merge.merged;
    word[left].size += word[right].size;
    word[right].size = 0;
    next[left] = next[right];
    if (next[left] != none)
      previous[next[left]] = left;
    if (previous[left] != none)
      offer(previous[left], left);
    if (next[left] != none)
      offer(left, next[left]);
  }
  size_t kept = 0;
  for (const WordSymbol &symbol : word)
    if (symbol.size > 0)
      word[kept++] = symbol;
  word.resize(kept);
}
