//===- VulkanContext.h - One Vulkan device, opened ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A logical device with one queue, and how its errors are told. Everything else
// of the driver is made from it and must not outlive it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANCONTEXT_H
#define STERNA_RUNTIME_VULKAN_VULKANCONTEXT_H

#include "vulkan/VulkanInstance.h"

#include <memory>
#include <string>

namespace sterna {

class VulkanContext {
public:
  /// Opens `physical`, a device of `instance`, without features or extensions.
  static Expected<std::unique_ptr<VulkanContext>>
  create(std::shared_ptr<const VulkanInstance> instance,
         const VulkanPhysicalDevice &physical);

  /// Closes the device.
  ~VulkanContext();
  VulkanContext(const VulkanContext &) = delete;
  VulkanContext &operator=(const VulkanContext &) = delete;

  const VulkanDeviceApi &api() const { return functions; }
  VkDevice device() const { return handle; }
  const VulkanPhysicalDevice &physical() const { return *chosen; }
  const VkPhysicalDeviceLimits &limits() const {
    return chosen->properties.limits;
  }

  /// Makes what running needs: call before the members below. Apart from
  /// `create`, because a driver may compile for a chip that is not there.
  Status startQueue();

  /// A new command buffer, freed with the device.
  Expected<VkCommandBuffer> allocateCommands();

  /// Submits recorded commands and returns when they are done, with an error
  /// when they take longer than any run should. `what` names them in an error:
  /// "running program 'head'".
  Status submit(VkCommandBuffer commands, const std::string &what);

  /// Whether commands did not end in time. What they may still use must not be
  /// destroyed, and waiting for it would not end: it is left to the system.
  bool isHanging() const { return hangs; }

  /// Success, or an error that says that `what` failed on this device and why.
  Status check(VkResult result, const std::string &what) const;

private:
  /// Seconds. A prompt of a large model on a driver that computes on the CPU
  /// takes minutes.
  static constexpr uint64_t longestRun = 600;

  VulkanContext(std::shared_ptr<const VulkanInstance> instance,
                const VulkanPhysicalDevice &physical)
      : instance(std::move(instance)), chosen(&physical) {}
  Status open();

  std::shared_ptr<const VulkanInstance> instance;
  const VulkanPhysicalDevice *chosen;
  VulkanDeviceApi functions;
  VkDevice handle = VK_NULL_HANDLE;
  VkQueue queue = VK_NULL_HANDLE;
  VkCommandPool pool = VK_NULL_HANDLE;
  VkFence fence = VK_NULL_HANDLE;
  bool running = false; // something is submitted, and its end was not seen
  Status hanging(const std::string &what) const;

  bool hangs = false;
};

/// Records that what `from` and earlier commands wrote is visible to `to`.
struct VulkanAccess {
  VkPipelineStageFlags stages = 0;
  VkAccessFlags access = 0;
};
void recordBarrier(const VulkanContext &context, VkCommandBuffer commands,
                   const VulkanAccess &from, const VulkanAccess &to);

/// What kernels, copies and the host do to buffers.
constexpr VulkanAccess kernelAccess = {VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                       VK_ACCESS_SHADER_READ_BIT |
                                           VK_ACCESS_SHADER_WRITE_BIT};
constexpr VulkanAccess copyAccess = {VK_PIPELINE_STAGE_TRANSFER_BIT,
                                     VK_ACCESS_TRANSFER_READ_BIT |
                                         VK_ACCESS_TRANSFER_WRITE_BIT};
constexpr VulkanAccess hostAccess = {VK_PIPELINE_STAGE_HOST_BIT,
                                     VK_ACCESS_HOST_READ_BIT |
                                         VK_ACCESS_HOST_WRITE_BIT};
constexpr VulkanAccess allAccess = {
    kernelAccess.stages | copyAccess.stages | hostAccess.stages,
    kernelAccess.access | copyAccess.access | hostAccess.access};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANCONTEXT_H
