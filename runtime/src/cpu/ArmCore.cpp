//===- ArmCore.cpp - What is known of Arm's cores -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ArmCore.h.
//
//===----------------------------------------------------------------------===//

#include "cpu/ArmCore.h"

#include <algorithm>
#include <iterator>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

using namespace sterna;

namespace {

constexpr uint32_t qualcomm = 0x51, apple = 0x61;

/// Parts that run smmla no faster than sdot. Those not here and known to run it
/// faster: Neoverse V2 (1.6 times, robertknight/rten#827), Cortex-A510, A710,
/// X2, Neoverse N2, V1, V3 (as many a cycle as sdot, of twice the work:
/// scheduling models of LLVM 22).
struct PartRange {
  uint32_t implementer, first, last;
};
constexpr PartRange slowMatrixProducts[] = {
    // M3, Pro and Max: 10 to 25% slower on an M3 Max (JustVugg/colibri#136),
    // equal on an M3 Pro (robertknight/rten#824 and #827).
    {apple, 0x042, 0x049},
    // Oryon, first generation: half as many a cycle (scheduling model of LLVM
    // 22), and operands cost shuffles.
    {qualcomm, 0x001, 0x001},
};

} // namespace

std::optional<ArmCore> sterna::hostCore() {
#if defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long hwcapCpuid = 1ul << 11;
  if (getauxval(AT_HWCAP) & hwcapCpuid) {
    uint64_t midr;
    asm("mrs %0, midr_el1" : "=r"(midr));
    return ArmCore{uint32_t(midr >> 24 & 0xff), uint32_t(midr >> 4 & 0xfff)};
  }
#endif
  return std::nullopt;
}

std::pair<bool, size_t>
sterna::preference(const std::vector<std::string> &features,
                   const std::optional<ArmCore> &core) {
  bool matrices =
      std::find(features.begin(), features.end(), "i8mm") != features.end();
  bool slow =
      matrices && core &&
      std::any_of(std::begin(slowMatrixProducts), std::end(slowMatrixProducts),
                  [&](const PartRange &range) {
                    return core->implementer == range.implementer &&
                           core->part >= range.first &&
                           core->part <= range.last;
                  });
  return {!slow, features.size()};
}
