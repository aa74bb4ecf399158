//===- VulkanPipelines.h - Kernels compiled by the driver -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compute pipeline for each kernel that is used, and the layouts that kernels
// with equally many buffers and operands share.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANPIPELINES_H
#define STERNA_RUNTIME_VULKAN_VULKANPIPELINES_H

#include "core/Module.h"
#include "vulkan/VulkanContext.h"
#include "vulkan/VulkanPlan.h"

#include <map>
#include <utility>
#include <vector>

namespace sterna {

/// Must not outlive its context; the module is used only by `compile`.
class VulkanPipelines {
public:
  explicit VulkanPipelines(const VulkanContext &context) : context(context) {}
  ~VulkanPipelines();
  VulkanPipelines(const VulkanPipelines &) = delete;
  VulkanPipelines &operator=(const VulkanPipelines &) = delete;

  /// Compiles `kernels`, indices into the module's, of which `code` has each.
  /// Compiled ones are kept in the user's cache of pipelines. Fails, naming the
  /// kernel, if the driver refuses one.
  Status compile(const Module &module, const format::Code &code,
                 const std::vector<uint32_t> &kernels);

  VkPipeline pipeline(uint32_t kernel) const { return pipelines.at(kernel); }

  /// The layouts of descriptors and operands of a kernel with `slots`
  /// descriptors and `operands` push constants, one of those compiled.
  VkDescriptorSetLayout setLayout(uint32_t slots) const {
    return setLayouts.at(slots);
  }
  VkPipelineLayout layout(uint32_t slots, uint32_t operands) const {
    return layouts.at({slots, operands});
  }

private:
  Status makeSetLayout(uint32_t slots);
  Status makeLayout(uint32_t slots, uint32_t operands);
  Status makePipeline(uint32_t index, const uint8_t *spirv,
                      const format::KernelCode &kernel, VkPipelineCache cache);

  const VulkanContext &context;
  std::map<uint32_t, VkDescriptorSetLayout> setLayouts;
  std::map<std::pair<uint32_t, uint32_t>, VkPipelineLayout> layouts;
  std::map<uint32_t, VkPipeline> pipelines;
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANPIPELINES_H
