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

#include "core/Module.h"
#include "core/Plan.h"
#include "core/StateLayout.h"
#include "io/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

class Profile;

class Device {
public:
  virtual ~Device() = default;

  /// The code that runs, as the module names it: "x86-64-v3", "vulkan".
  virtual std::string target() const = 0;

  /// What it runs on, for reports: "CPU", or the name that a GPU's driver
  /// gives.
  virtual std::string name() const = 0;

  /// The memory that the prepared programs take: all that is allocated, and of
  /// the weights, which a CPU maps, what they touch.
  virtual PlannedBytes memory() const = 0;

  /// The state that is allocated, for the prepared programs alone.
  const StateLayout &stateLayout() const { return layout; }

  /// The block space: program inputs and outputs, `block_bytes` long. Stays
  /// where it is for the life of the device.
  virtual uint8_t *block() = 0;

  /// Copies `size` bytes of state from `offset` to `out`, and back. The range
  /// lies inside the layout. A GPU can be lost meanwhile, which fails.
  virtual Status readState(uint64_t offset, uint64_t size, void *out) = 0;
  virtual Status writeState(uint64_t offset, uint64_t size,
                            const void *data) = 0;

  /// Runs a program, an index into the module's programs that was named when
  /// the device was created, and returns when its outputs are in the block.
  virtual Status run(uint32_t program) = 0;

protected:
  StateLayout layout; // set by the driver, before it allocates
};

/// How a CPU has the weights in memory.
enum class WeightsMode {
  mapped, // pages of the file, read when touched, dropped when memory is short
  resident, // a copy, made before the first run, that stays
  prefetch, // as mapped, and the pages of what comes next are asked for early
};

/// Parses "mapped", "resident" or "prefetch".
Expected<WeightsMode> parseWeightsMode(const std::string &name);

/// What to run on.
struct DeviceOptions {
  /// "cpu", "vulkan", or "vulkan:INDEX" as `sterna-run devices` counts them;
  /// without index the first discrete GPU, else the first integrated one, else
  /// the first device.
  std::string device = "cpu";
  /// Threads of the CPU; 0: one for each available core. Must be 0 for a GPU.
  unsigned threads = 0;
  /// Must be mapped for a GPU, which has weights in memory of its own.
  WeightsMode weights = WeightsMode::mapped;
  /// Where to record when each dispatch ran; null: nowhere. One session's.
  std::shared_ptr<Profile> profile = nullptr;
};

/// One family of devices: what core knows of cpu/, vulkan/, ...
struct DeviceDriver {
  /// Names the device ("cpu", "vulkan") and the plan that it runs.
  const char *target;
  /// What sterna-compile's --target must name for it.
  const char *choice;
  /// Whether there may be several, told apart as "vulkan:INDEX"; they have no
  /// threads to choose then.
  bool indexed;
  /// Prepares a device for `programs`, indices into the programs of `module`,
  /// which is a view of the driver's plan.
  Expected<std::unique_ptr<Device>> (*create)(
      std::shared_ptr<const Module> module,
      const std::vector<uint32_t> &programs, const DeviceOptions &options,
      std::optional<uint32_t> index);
};

/// The device that a name means.
struct DeviceName {
  const DeviceDriver *driver = nullptr;
  std::optional<uint32_t> index;
};

/// Parses the name of a device, as DeviceOptions::device describes it. Does not
/// look whether the device is there.
Expected<DeviceName> parseDevice(const std::string &name);

/// Parses the device of `options`. Fails for a number of threads that it does
/// not take, too.
Expected<DeviceName> parseDevice(const DeviceOptions &options);

/// `module` as the plan that `driver` runs. Fails, naming the plans that there
/// are, where it has none.
Expected<std::shared_ptr<const Module>> viewFor(const Module &module,
                                                const DeviceDriver &driver);

/// Prepares the device that `options` name for `programs`, indices into the
/// programs of `module`, a view of its plan. Fails if it is not there; no other
/// is taken instead.
Expected<std::unique_ptr<Device>>
createDevice(std::shared_ptr<const Module> module,
             const std::vector<uint32_t> &programs,
             const DeviceOptions &options);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_DEVICE_H
