//===- CpuFeatures.h - What the host's CPU can run ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matches the features that a code object needs against the machine. Separate
// because it is the one place that depends on the host's instruction set.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CPU_CPUFEATURES_H
#define STERNA_RUNTIME_CPU_CPUFEATURES_H

#include "core/Module.h"
#include "io/Status.h"

#include <string>
#include <vector>

namespace sterna {

/// Whether the CPU and the operating system support `feature`, spelled as LLVM
/// does: "avx2", "fma", "dotprod". Unknown features are not supported.
bool hostSupports(const std::string &feature);

/// Whether `code` is for a CPU, of whatever kind, and not for a GPU.
bool isCpuCode(const format::Code &code);

/// The instruction levels that this machine can run, the plainest first:
/// "x86-64-v2", "x86-64-v3".
std::vector<std::string> hostLevels();

/// The code object to run on this machine: of those whose machine type is the
/// host's and whose features it has all, the one that `preference` of ArmCore.h
/// puts first, or the one that the environment's STERNA_CPU names. Fails with a
/// list of targets and what the machine lacks for each.
Expected<const format::Code *> selectCode(const Module &module);

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_CPUFEATURES_H
