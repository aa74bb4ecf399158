//===- WeightLayout.h - Which layout trits get, and why ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cost model behind --weight-layout: bytes and instructions of the int8
// product in each layout of #tern.panel. docs/performance.md compares it with
// measurements.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_CPU_WEIGHTLAYOUT_H
#define STERNA_CODEGEN_CPU_WEIGHTLAYOUT_H

#include "sterna/Codegen/CPU/Level.h"

#include <optional>

namespace sterna::cpu {

/// A layout that ternary matrices can have.
struct WeightLayout {
  /// As --weight-layout names it: "2bit", "base3".
  llvm::StringRef name;
  /// Columns of a block of 32 bytes (#tern.panel).
  int64_t columns;
  /// Vector instructions that turn a block's bytes into codes.
  int64_t decoding;
  /// Those that make states of them, whose products with one token are two for
  /// each digit; none without states (TritCodes.h).
  std::optional<int64_t> states;

  double bits() const { return 32.0 * 8 / double(8 * columns); }
};

/// All layouts; the first is the one without a CPU to choose for.
llvm::ArrayRef<WeightLayout> getWeightLayouts();

/// What the model assumes of a core, where nothing else is known: bytes from
/// memory while all cores read, and instructions.
struct CoreRates {
  double bytesPerCycle = 6, instructionsPerCycle = 4;
};

/// Cycles of a core for 1000 weights: of a product with one token, and of one
/// with many for each token.
struct LayoutCost {
  double oneToken, manyTokens;
};

LayoutCost estimateCost(const WeightLayout &layout, const Level &level,
                        const CoreRates &rates);

/// The layout called `name`; for "auto", the one with the least product of
/// costs over all of `levels`, so that both kinds of products and all levels
/// count alike. Null if there is none of that name.
const WeightLayout *chooseWeightLayout(llvm::StringRef name,
                                       llvm::ArrayRef<const Level *> levels,
                                       const CoreRates &rates);

} // namespace sterna::cpu

#endif // STERNA_CODEGEN_CPU_WEIGHTLAYOUT_H
