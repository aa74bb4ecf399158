//===- BytePairMerger.h - A word to ids by merging neighbours -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The core of byte-pair encoding: of all neighbours in a word that may merge,
// those whose merge was learnt first do, until none may. Separate because it
// sees ids alone, whatever they spell.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BYTEPAIRMERGER_H
#define STERNA_RUNTIME_TEXT_BYTEPAIRMERGER_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sterna {

/// A part of a word: a token, and the bytes that it takes.
struct WordSymbol {
  int32_t id = 0;
  uint32_t size = 0;
};

/// Immutable once all merges are added; shared by threads.
class BytePairMerger {
public:
  /// Makes room for `count` merges.
  explicit BytePairMerger(size_t count = 0);

  /// Lets `left` and `right` become `merged`; lower ranks go first. A pair that
  /// is added twice keeps the later rank.
  void add(int32_t left, int32_t right, uint32_t rank, int32_t merged);

  /// Merges the symbols of a word in place; long words take O(n log n).
  void merge(std::vector<WordSymbol> &word) const;

private:
  /// A pair of ids in a table with open addressing.
  struct Entry {
    uint64_t pair = UINT64_MAX; // none
    uint32_t rank = UINT32_MAX;
    int32_t merged = -1;
  };

  size_t slotOf(uint64_t pair) const {
    // Fibonacci hashing: the highest bits depend on all bits of the pair.
    return static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> shift);
  }
  const Entry &find(int32_t left, int32_t right) const;
  void mergeShort(std::vector<WordSymbol> &word) const;
  void mergeLong(std::vector<WordSymbol> &word) const;

  std::vector<Entry> table; // a power of two, at most half full
  unsigned shift = 63;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BYTEPAIRMERGER_H
