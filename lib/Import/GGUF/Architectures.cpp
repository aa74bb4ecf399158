//===- Architectures.cpp - What names of GGUF stand for -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Architectures.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/Architectures.h"

#include "llvm/ADT/STLExtras.h"

using namespace sterna;

static constexpr auto silu = FeedForwardActivation::SiLU;
static constexpr auto squaredReLU = FeedForwardActivation::ReLUSquared;

static const GGUFArchitecture architectures[] = {
    {"bitnet", silu, true, /*subNorms=*/true},
    {"bitnet-b1.58", squaredReLU, true, /*subNorms=*/true},
    {"bitnet-25", squaredReLU, true, /*subNorms=*/true},
    {"llama", silu, std::nullopt, false, false, /*interleavedRope=*/true,
     /*ropeDivisors=*/true},
    {"minicpm", silu, std::nullopt, false, false, /*interleavedRope=*/true,
     /*ropeDivisors=*/true, /*scales=*/true},
    {"qwen3", silu, false, false, /*headNorms=*/true},
};

llvm::ArrayRef<GGUFArchitecture> sterna::getGGUFArchitectures() {
  return architectures;
}

const GGUFArchitecture *sterna::findGGUFArchitecture(llvm::StringRef name) {
  const auto *found = llvm::find_if(
      architectures, [&](const auto &known) { return known.name == name; });
  return found == std::end(architectures) ? nullptr : found;
}
