//===- ArmCore.h - What is known of Arm's cores ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Features say what a core can run, not what it runs well. Separate because the
// compiler, which chooses a level for its own machine, must decide alike.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CPU_ARMCORE_H
#define STERNA_RUNTIME_CPU_ARMCORE_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sterna {

/// A design of a core, by two fields of its register MIDR_EL1 (Arm Architecture
/// Reference Manual, DDI 0487).
struct ArmCore {
  uint32_t implementer, part;
};

/// The core that this runs on; none on other architectures and where the system
/// does not let programs read the register (Linux before 4.11). The cores of a
/// machine can differ: it is the one that the calling thread happens to run on.
std::optional<ArmCore> hostCore();

/// Orders code by what it needs of a machine, which has all of it: the greatest
/// runs. Code that needs more features, by LLVM's names, is preferred, unless
/// it needs the matrix products of `i8mm` and `core` is known to run them no
/// faster than the dot products of `dotprod`. On an unknown core they are used:
/// an instruction of twice the multiply-adds takes the same time on all of
/// Arm's own cores.
std::pair<bool, size_t> preference(const std::vector<std::string> &features,
                                   const std::optional<ArmCore> &core);

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_ARMCORE_H
