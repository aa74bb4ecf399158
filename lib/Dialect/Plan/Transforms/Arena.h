//===- Arena.h - Offsets from live ranges ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Static memory allocation, apart from IR so that it can be read alone.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_ARENA_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_ARENA_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace sterna::plan {

/// A buffer that must hold its bytes in steps [first, last].
struct LiveRange {
  int64_t bytes;
  int64_t first, last;
  int64_t offset = -1;
};

/// Alignment of buffers, in bytes: a cache line, and any vector.
constexpr int64_t bufferAlignment = 64;

/// The most bytes that are alive in a step: no placement needs fewer.
int64_t getMostLiveBytes(llvm::ArrayRef<LiveRange> ranges);

/// Sets the offset of each range such that ranges that share a step do not
/// overlap; returns the bytes needed. Greedy (Pisarchyk and Lee 2020,
/// arXiv:2001.03288), each at the lowest offset that is free: the largest
/// first, and where that needs more than is alive, in other orders, too, of
/// which the best is taken.
int64_t placeInArena(std::vector<LiveRange> &ranges);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_ARENA_H
