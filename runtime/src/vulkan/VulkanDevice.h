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

/// Prepares a Vulkan device for `programs`, indices into the module's programs:
/// allocates all spaces, uploads all weights, compiles the kernels that the
/// programs run and records each. `index` is the device's among those that
/// `sterna-run devices` lists; without it, see VulkanInstance::choose. Runs are
/// recorded in `profile` unless that is null; its one thread is the queue.
Expected<std::unique_ptr<Device>> createVulkanDevice(
    std::shared_ptr<const Module> module, const std::vector<uint32_t> &programs,
    std::optional<uint32_t> index, std::shared_ptr<Profile> profile);

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
