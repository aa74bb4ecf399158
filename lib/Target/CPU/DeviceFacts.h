//===- DeviceFacts.h - What a file says of a device -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The file of --device-facts.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_TARGET_CPU_DEVICEFACTS_H
#define STERNA_LIB_TARGET_CPU_DEVICEFACTS_H

#include "sterna/Codegen/CPU/WeightLayout.h"
#include "llvm/Support/Error.h"

namespace sterna::cpu {

/// The rates of a core of the device that the JSON object in file `path`
/// describes: `cores` that compute at `clock_ghz`, `memory_gb_per_s` that they
/// read together and, if it is there, `instructions_per_cycle` of one core; all
/// are numbers from 0.001 to 1000000. Fails on any other key or value.
llvm::Expected<CoreRates> readDeviceFacts(llvm::StringRef path);

} // namespace sterna::cpu

#endif // STERNA_LIB_TARGET_CPU_DEVICEFACTS_H
