//===- Splitter.h - What becomes of the matches that text is split at -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The five behaviors of a splitting step, for matches and what lies between
// them as they are found, from left to right, without a list of them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_SPLITTER_H
#define STERNA_RUNTIME_TEXT_SPLITTER_H

#include "text/BytePairData.h"

#include <cstddef>

namespace sterna {

/// Calls `emit(begin, end)` for what a splitting step leaves.
template <class Emit> class Splitter {
public:
  Splitter(SplitBehavior behavior, bool invert, Emit emit)
      : behavior(behavior), invert(invert), emit(emit) {}

  /// The next stretch: a match, or what lies between two.
  void add(size_t begin, size_t end, bool isMatch) {
    isMatch = isMatch != invert;
    switch (behavior) {
    case SplitBehavior::Isolated:
      emit(begin, end);
      break;
    case SplitBehavior::Removed:
      if (!isMatch)
        emit(begin, end);
      break;
    case SplitBehavior::MergedWithPrevious:
      joinIf(begin, end, isMatch && !wasMatch);
      break;
    case SplitBehavior::MergedWithNext:
      joinIf(begin, end, !isMatch && wasMatch);
      break;
    case SplitBehavior::Contiguous:
      joinIf(begin, end, isMatch == wasMatch);
      break;
    }
    wasMatch = isMatch;
  }

  /// No stretch follows.
  void finish() {
    if (held)
      emit(heldBegin, heldEnd);
    held = false;
  }

private:
  /// Holds a stretch back, together with the one before it or after it.
  void joinIf(size_t begin, size_t end, bool join) {
    if (!join || !held) {
      finish();
      heldBegin = begin;
    }
    held = true;
    heldEnd = end;
  }

  SplitBehavior behavior;
  bool invert;
  Emit emit;
  bool held = false;
  bool wasMatch = false;
  size_t heldBegin = 0;
  size_t heldEnd = 0;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_SPLITTER_H
