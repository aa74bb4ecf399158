//===- Level.cpp - Instruction levels of CPUs -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Level.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Level.h"

#include "cpu/ArmCore.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace sterna::cpu;

static std::vector<Level> makeLevels() {
  using Needs = std::vector<std::string>;
  constexpr llvm::StringLiteral x86 = "x86_64-unknown-linux-gnu";
  constexpr llvm::StringLiteral arm = "aarch64-unknown-linux-gnu";
  // What LLVM takes "generic" for is a small core that runs in order; loops
  // made for one load so early that they spill.
  constexpr llvm::StringLiteral tune = "neoverse-n2";
  auto with = [](Needs needs, const Needs &more) {
    needs.insert(needs.end(), more.begin(), more.end());
    return needs;
  };
  Needs v2 = {"ssse3", "sse4.1", "sse4.2", "popcnt"};
  Needs v3 = with(v2, {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"});
  Needs v4 =
      with(v3, {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  TargetInfo ssse3{8, 8, ByteProduct::ssse3};
  TargetInfo avx2{16, 8, ByteProduct::avx2};
  TargetInfo avxVnni{16, 8, ByteProduct::avxVnni};
  TargetInfo avx512Vnni{32, 16, ByteProduct::avxVnni};
  TargetInfo neon{16, 8, ByteProduct::neon};
  TargetInfo dotprod{16, 8, ByteProduct::neonDotprod};
  TargetInfo i8mm{16, 8, ByteProduct::neonI8mm};
  return {
      {"x86-64-v2", x86, "x86-64-v2", "", "", v2, false, false, ssse3},
      {"x86-64-v3", x86, "x86-64-v3", "", "", v3, true, true, avx2},
      {"x86-64-v3-vnni", x86, "x86-64-v3", "", "+avxvnni",
       with(v3, {"avxvnni"}), true, true, avxVnni},
      {"x86-64-v4-vnni", x86, "x86-64-v4", "", "+avx512vnni",
       with(v4, {"avx512vnni"}), true, true, avx512Vnni},
      {"armv8.0", arm, "generic", tune, "", {"neon"}, true, true, neon},
      {"armv8.0-dotprod",
       arm,
       "generic",
       tune,
       "+dotprod",
       {"neon", "dotprod"},
       true,
       true,
       dotprod},
      {"armv8.0-i8mm",
       arm,
       "generic",
       tune,
       "+dotprod,+i8mm",
       {"neon", "dotprod", "i8mm"},
       true,
       true,
       i8mm},
  };
}

llvm::ArrayRef<Level> sterna::cpu::getLevels() {
  static const std::vector<Level> levels = makeLevels();
  return levels;
}

std::vector<const Level *> sterna::cpu::getHostLevels() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto arch = llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch();
  std::vector<const Level *> levels;
  for (const Level &level : getLevels())
    if (llvm::Triple(level.triple).getArch() == arch &&
        llvm::all_of(level.needs, [&](const std::string &feature) {
          return features.lookup(feature);
        }))
      levels.push_back(&level);
  return levels;
}

const Level *sterna::cpu::getHostLevel() {
  std::vector<const Level *> levels = getHostLevels();
  std::optional<ArmCore> core = hostCore();
  auto best = llvm::max_element(levels, [&](const Level *a, const Level *b) {
    return preference(a->needs, core) < preference(b->needs, core);
  });
  return best == levels.end() ? nullptr : *best;
}

const Level *sterna::cpu::findLevel(llvm::StringRef name) {
  const auto *it = llvm::find_if(
      getLevels(), [&](const Level &level) { return level.name == name; });
  return it == getLevels().end() ? nullptr : &*it;
}
