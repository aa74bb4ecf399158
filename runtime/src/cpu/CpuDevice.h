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

/// The host's CPU. Preparing it maps state, arena and block (zeroed), loads the
/// best code object that this machine can run and starts the threads. Fails if
/// there is no such code, naming what the machine lacks, and if memory or
/// threads are refused.
extern const DeviceDriver cpuDriver;

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_CPUDEVICE_H
