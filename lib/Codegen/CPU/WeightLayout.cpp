//===- WeightLayout.cpp - Which layout trits get, and why -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WeightLayout.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/WeightLayout.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace sterna::cpu;

/// Instructions of the loop over blocks: add, compare and branch.
static constexpr double loopOverhead = 3;

/// Instructions that multiply 32 codes with as many activations and add them to
/// sums.
static double productInstructions(ByteProduct product) {
  switch (product) {
  case ByteProduct::avxVnni:
    return 1;             // vpdpbusd
  case ByteProduct::avx2: // vpmaddubsw, vpaddw
  case ByteProduct::neonDotprod:
  case ByteProduct::neonI8mm:
    // sdot of each half. smmla, which takes two bits and more than one token,
    // would favour two bits even more.
    return 2;
  case ByteProduct::ssse3:
    return 4; // pmaddubsw, paddw of each half
  case ByteProduct::neon:
    return 8; // smull, smull2, two additions of each half
  }
  llvm_unreachable("unknown product of bytes");
}

/// Registers that 32 bytes take.
static double registersPerBlock(ByteProduct product) {
  return product == ByteProduct::avx2 || product == ByteProduct::avxVnni ? 1
                                                                         : 2;
}

llvm::ArrayRef<WeightLayout> sterna::cpu::getWeightLayouts() {
  // Two bits: a mask for each of four codes, a shift for all but the first.
  // Base 3: two comparisons and two subtractions for each of five, two
  // additions for all but the first. States: two additions each, and one to
  // bring the first to unsigned bytes.
  static constexpr WeightLayout layouts[] = {{"2bit", 16, 7, std::nullopt},
                                             {"base3", 20, 28, 11}};
  return layouts;
}

LayoutCost sterna::cpu::estimateCost(const WeightLayout &layout,
                                     const Level &level,
                                     const CoreRates &rates) {
  const TargetInfo &info = level.info;
  double registers = registersPerBlock(info.byteProduct);
  double quads = double(layout.columns) / 4;
  // With more than one token, wide registers hold blocks of several panels.
  auto cycles = [&](double tokens) {
    bool states = tokens == 1 && addsFours(info.byteProduct) && layout.states;
    // A load, and for each quad the load that repeats four activations.
    double decoding =
        registers * (1 + double(states ? *layout.states : layout.decoding)) +
        loopOverhead;
    double perToken =
        quads * (1 + productInstructions(info.byteProduct) * (states ? 2 : 1));
    double blocks = tokens > 1 ? double(info.vectorLanes) / 8 : 1;
    double weights = blocks * 8 * double(layout.columns);
    double bytes = blocks * 32 / rates.bytesPerCycle;
    double instructions = decoding + tokens * perToken;
    double slowest = std::max(bytes, instructions / rates.instructionsPerCycle);
    return 1000 * slowest / (weights * tokens);
  };
  return {cycles(1), cycles(double(info.registers) / 2)};
}

const WeightLayout *
sterna::cpu::chooseWeightLayout(llvm::StringRef name,
                                llvm::ArrayRef<const Level *> levels,
                                const CoreRates &rates) {
  const WeightLayout *best = nullptr;
  double least = 0;
  for (const WeightLayout &layout : getWeightLayouts()) {
    if (layout.name == name)
      return &layout;
    double product = 1;
    for (const Level *level : levels) {
      LayoutCost cost = estimateCost(layout, *level, rates);
      product *= cost.oneToken * cost.manyTokens;
    }
    if (!best || product < least) {
      best = &layout;
      least = product;
    }
  }
  return name == "auto" ? best : nullptr;
}
