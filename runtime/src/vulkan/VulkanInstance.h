//===- VulkanInstance.h - The Vulkan devices of this machine --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens the system's Vulkan loader and lists what there is, without preparing
// any of it. Separate from the driver, because a list is wanted where no module
// is.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANINSTANCE_H
#define STERNA_RUNTIME_VULKAN_VULKANINSTANCE_H

#include "vulkan/VulkanApi.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// What a Vulkan device says of itself.
struct VulkanPhysicalDevice {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  VkPhysicalDeviceProperties properties = {};
  VkPhysicalDeviceMemoryProperties memory = {};
  uint64_t maxAllocationBytes = 0;
  /// The first queue family that can compute.
  std::optional<uint32_t> queueFamily;
  /// Valid bits of its timestamps; 0: it takes none.
  uint32_t timestampBits = 0;
  std::string driver; // "radv Mesa 22.3.6", or its version

  std::string name() const { return properties.deviceName; }
  /// "discrete", "integrated", "virtual", "cpu" or "other".
  std::string type() const;
  /// "1.3.230".
  std::string version() const;
  /// Bytes of the heaps that are the device's own.
  uint64_t memoryBytes() const;
};

class VulkanInstance {
public:
  /// The loader that the system's packages install.
  static constexpr const char *systemLoader = "libvulkan.so.1";

  /// Opens the loader `library` and lists the devices. Fails, saying what to
  /// install, without a loader and without a driver.
  static Expected<std::shared_ptr<const VulkanInstance>>
  create(const char *library = systemLoader);

  ~VulkanInstance();
  VulkanInstance(const VulkanInstance &) = delete;
  VulkanInstance &operator=(const VulkanInstance &) = delete;

  const VulkanInstanceApi &api() const { return functions; }

  /// In the order of the loader, whose indices users give.
  const std::vector<VulkanPhysicalDevice> &devices() const { return list; }

  /// The device at `index`, by default the first discrete one, else the first
  /// integrated one, else the first. Fails, listing what there is, if there is
  /// no such device or if it is too old or cannot compute.
  Expected<const VulkanPhysicalDevice *>
  choose(std::optional<uint32_t> index) const;

private:
  VulkanInstance() = default;
  Status open(const char *library);
  Status createInstance(PFN_vkGetInstanceProcAddr lookUp);
  Status enumerate();
  VulkanPhysicalDevice describe(VkPhysicalDevice handle) const;
  std::string driverOf(const VulkanPhysicalDevice &device) const;
  uint32_t preferred() const;

  void *loader = nullptr;
  VkInstance instance = VK_NULL_HANDLE;
  VulkanInstanceApi functions;
  std::vector<VulkanPhysicalDevice> list;
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANINSTANCE_H
