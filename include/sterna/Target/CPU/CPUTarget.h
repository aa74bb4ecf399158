//===- CPUTarget.h - CPUs as a target ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CPU_CPUTARGET_H
#define STERNA_TARGET_CPU_CPUTARGET_H

#include "sterna/Codegen/CPU/WeightLayout.h"
#include "sterna/Target/CPU/Platform.h"
#include "sterna/Target/Target.h"

namespace sterna::cpu {

constexpr llvm::StringLiteral targetName = "cpu";

/// The target of that name: a code object for each instruction level. Facts:
/// `levels` and `platforms`, their names; `weight_layout`, as --weight-layout
/// names it; `tuned`, whether tuned kernels are used; and, of a device that a
/// file describes, `bytes_per_cycle` and `instructions_per_cycle` of a core.
std::unique_ptr<Target> createTarget();

/// The levels and the systems that a target called "cpu", which verifies,
/// names.
std::vector<const Level *> getLevels(plan::TargetAttr target);
std::vector<const Platform *> getPlatforms(plan::TargetAttr target);

/// What it says of a core, or what is assumed where it says nothing.
CoreRates getRates(plan::TargetAttr target);

} // namespace sterna::cpu

#endif // STERNA_TARGET_CPU_CPUTARGET_H
