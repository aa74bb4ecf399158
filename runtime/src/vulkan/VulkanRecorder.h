//===- VulkanRecorder.h - Programs as command buffers ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Records each program once, so that running it is one submission. Descriptors
// are shared by all dispatches that see the same windows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANRECORDER_H
#define STERNA_RUNTIME_VULKAN_VULKANRECORDER_H

#include "vulkan/VulkanPipelines.h"
#include "vulkan/VulkanPlan.h"
#include "vulkan/VulkanTimestamps.h"

#include <array>
#include <map>
#include <vector>

namespace sterna {

/// The buffers of the four spaces, by format::Space.
using VulkanSpaces = std::array<VkBuffer, 4>;

/// Must not outlive its context or the pipelines; recorded commands need it.
class VulkanRecorder {
public:
  VulkanRecorder(VulkanContext &context, const VulkanPipelines &pipelines,
                 const format::Code &code, const VulkanSpaces &spaces)
      : context(context), pipelines(pipelines), code(code), spaces(spaces) {}
  ~VulkanRecorder();
  VulkanRecorder(const VulkanRecorder &) = delete;
  VulkanRecorder &operator=(const VulkanRecorder &) = delete;

  /// Allocates and fills the descriptors of all programs that will be recorded.
  /// Call once, first.
  Status allocate(const std::vector<std::vector<VulkanDispatch>> &programs);

  /// Records a program: it sees what the host and earlier programs wrote, and
  /// the host sees what it wrote. Each dispatch is timed if `timestamps` is not
  /// null.
  Expected<VkCommandBuffer> record(const std::vector<VulkanDispatch> &program,
                                   const VulkanTimestamps *timestamps);

private:
  /// Number of descriptors, and what each shows.
  using SetKey = std::pair<uint32_t, VulkanWindows>;

  SetKey keyOf(const VulkanDispatch &dispatch) const;
  Status createPool();
  void fill(VkDescriptorSet set, const VulkanWindows &windows);
  void record(VkCommandBuffer commands,
              const std::vector<VulkanDispatch> &program,
              const VulkanTimestamps *timestamps);
  void record(VkCommandBuffer commands, const VulkanDispatch &dispatch);

  VulkanContext &context;
  const VulkanPipelines &pipelines;
  const format::Code &code;
  VulkanSpaces spaces;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  std::map<SetKey, VkDescriptorSet> sets;
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANRECORDER_H
