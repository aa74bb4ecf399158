//===- VulkanDevice.h - Runs programs on a Vulkan device ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Vulkan driver as the runtime sees it: a device that runs, and a check of
// a module that runs nothing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANDEVICE_H
#define STERNA_RUNTIME_VULKAN_VULKANDEVICE_H

#include "core/Device.h"

#include <optional>

namespace sterna {

/// Vulkan devices. Preparing one allocates all spaces, uploads all weights,
/// compiles the kernels that the programs run and records each. The index is
/// the device's among those that `sterna-run devices` lists; without it, see
/// VulkanInstance::choose. The one thread of a profile is the queue.
extern const DeviceDriver vulkanDriver;

/// What a check has seen.
struct VulkanCheck {
  std::string device;
  uint32_t pipelines = 0;
  uint32_t programs = 0;
  uint64_t dispatches = 0;
  /// Programs that the module's Vulkan code cannot run.
  std::vector<std::string> missing;
};

/// Compiles every kernel of the module's Vulkan code for a device and checks
/// every dispatch against its limits. Allocates no memory and runs nothing.
Expected<VulkanCheck> checkVulkanModule(const Module &module,
                                        std::optional<uint32_t> index);

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANDEVICE_H
