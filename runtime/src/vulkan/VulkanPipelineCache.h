//===- VulkanPipelineCache.h - Compiled kernels, kept in a file -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver compiles SPIR-V when a session is created, which takes seconds for a
// large model. What it compiled is kept for the next time in
// $XDG_CACHE_HOME/sterna, by default ~/.cache/sterna, one file for each device
// and driver. The file only saves time: without it, or where it is damaged or
// cannot be written, everything works as it does with it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANPIPELINECACHE_H
#define STERNA_RUNTIME_VULKAN_VULKANPIPELINECACHE_H

#include "vulkan/VulkanContext.h"

#include <cstdint>
#include <string>

namespace sterna {

/// A pipeline cache, filled from its file on creation. Must not outlive its
/// context.
class VulkanPipelineCache {
public:
  explicit VulkanPipelineCache(const VulkanContext &context);
  ~VulkanPipelineCache();
  VulkanPipelineCache(const VulkanPipelineCache &) = delete;
  VulkanPipelineCache &operator=(const VulkanPipelineCache &) = delete;

  /// Null if the driver gives none; pipelines are then compiled each time.
  VkPipelineCache handle() const { return cache; }

  /// Writes the file if the driver has something new.
  void save() const;

  /// The file for a device; empty where the user has no folder for such files.
  static std::string path(const VulkanPhysicalDevice &device);

private:
  const VulkanContext &context;
  VkPipelineCache cache = VK_NULL_HANDLE;
  uint64_t savedChecksum = 0;
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANPIPELINECACHE_H
