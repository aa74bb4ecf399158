//===- CpuDevice.h - Runs programs on the host's CPU ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The CPU driver as the runtime sees it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CPU_CPUDEVICE_H
#define STERNA_RUNTIME_CPU_CPUDEVICE_H

#include "core/Device.h"

namespace sterna {

/// Prepares the host's CPU for `programs`, indices into the module's programs:
/// maps state, arena and block (zeroed), loads the best code object that this
/// machine can run, starts `threads` threads. Runs are recorded in `profile`
/// unless that is null. Fails if there is no such code, naming what the machine
/// lacks, and if memory or threads are refused.
Expected<std::unique_ptr<Device>>
createCpuDevice(std::shared_ptr<const Module> module,
                const std::vector<uint32_t> &programs, unsigned threads,
                std::shared_ptr<Profile> profile);

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_CPUDEVICE_H
