//===- Device.h - What a driver must do -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interface between a session and the hardware. A driver takes a module,
// allocates its spaces once, and from then on only runs programs. The block is
// visible to the host; the state is reached by copies, because on a GPU it lies
// in the device's own memory.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_DEVICE_H
#define STERNA_RUNTIME_CORE_DEVICE_H

#include "io/Status.h"
#include "src/core/Module.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sterna {

class Device {
public:
  virtual ~Device() = default;

  /// The code that runs, as the module names it: "x86-64-v3".
  virtual std::string target() const = 0;

  /// The block space: program inputs and outputs, `block_bytes` long. Stays
  /// where it is for the life of the device.
  virtual uint8_t *block() = 0;

  /// Copies `size` bytes of state from `offset` to `out`, and back. The range
  /// lies inside the state space.
  virtual void readState(uint64_t offset, uint64_t size, void *out) = 0;
  virtual void writeState(uint64_t offset, uint64_t size, const void *data) = 0;

  /// Runs a program, an index into the module's programs that was named when
  /// the device was created, and returns when its outputs are in the block.
  virtual Status run(uint32_t program) = 0;
};

/// Prepares the host's CPU for `programs`, indices into the module's programs:
/// maps state, arena and block (zeroed), loads the best code object that this
/// machine can run, starts `threads` threads. Fails if there is no such code,
/// naming what the machine lacks, and if memory or threads are refused.
Expected<std::unique_ptr<Device>>
createCpuDevice(std::shared_ptr<const Module> module,
                const std::vector<uint32_t> &programs, unsigned threads);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_DEVICE_H
