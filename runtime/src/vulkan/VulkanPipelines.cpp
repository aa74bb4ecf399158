//===- VulkanPipelines.cpp - Kernels compiled by the driver ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanPipelines.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanPipelines.h"

#include "vulkan/VulkanPipelineCache.h"

#include <cstring>

using namespace sterna;

namespace {

constexpr uint32_t spirvMagic = 0x07230203;
constexpr uint32_t spirvVersion = 0x00010300; // the newest of Vulkan 1.1
constexpr uint64_t spirvHeaderBytes = 20;

/// Drivers trust the code they are given; at least it must be SPIR-V.
Status checkHeader(const uint8_t *spirv, uint64_t size) {
  uint32_t words[2] = {};
  if (size >= spirvHeaderBytes)
    std::memcpy(words, spirv, sizeof(words));
  if (words[0] != spirvMagic)
    return Status::error("its code is not SPIR-V");
  if (words[1] > spirvVersion)
    return Status::error("its SPIR-V is newer than 1.3");
  return Status();
}

} // namespace

VulkanPipelines::~VulkanPipelines() {
  if (context.isHanging())
    return;
  const VulkanDeviceApi &api = context.api();
  for (const auto &[kernel, pipeline] : pipelines)
    api.vkDestroyPipeline(context.device(), pipeline, nullptr);
  for (const auto &[key, layout] : layouts)
    api.vkDestroyPipelineLayout(context.device(), layout, nullptr);
  for (const auto &[slots, layout] : setLayouts)
    api.vkDestroyDescriptorSetLayout(context.device(), layout, nullptr);
}

Status VulkanPipelines::compile(const Module &module, const format::Code &code,
                                const std::vector<uint32_t> &kernels) {
  VulkanPipelineCache cache(context);
  for (uint32_t index : kernels) {
    const format::KernelCode &kernel = *code.kernels()->Get(index);
    const uint8_t *spirv = module.code(code) + kernel.offset();
    Status status = checkHeader(spirv, kernel.size());
    if (status.ok())
      status = makePipeline(index, spirv, kernel, cache.handle());
    if (!status.ok())
      return Status::error("cannot compile kernel '" +
                           module.plan().kernels()->Get(index)->name()->str() +
                           "': " + status.message());
  }
  cache.save();
  return Status();
}

Status VulkanPipelines::makeSetLayout(uint32_t slots) {
  if (setLayouts.count(slots))
    return Status();
  std::vector<VkDescriptorSetLayoutBinding> bindings(slots);
  for (uint32_t i = 0; i < slots; ++i) {
    bindings[i].binding = i;
    bindings[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    bindings[i].descriptorCount = 1;
    bindings[i].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  }
  VkDescriptorSetLayoutCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
  info.bindingCount = slots;
  info.pBindings = bindings.data();
  VkDescriptorSetLayout layout = VK_NULL_HANDLE;
  VkResult result = context.api().vkCreateDescriptorSetLayout(
      context.device(), &info, nullptr, &layout);
  if (result == VK_SUCCESS)
    setLayouts[slots] = layout;
  return context.check(result, "creating a descriptor layout");
}

Status VulkanPipelines::makeLayout(uint32_t slots, uint32_t operands) {
  if (layouts.count({slots, operands}))
    return Status();
  if (Status status = makeSetLayout(slots); !status.ok())
    return status;
  VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, /*offset=*/0,
                               operands * 4};
  VkPipelineLayoutCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  info.setLayoutCount = 1;
  info.pSetLayouts = &setLayouts[slots];
  info.pushConstantRangeCount = operands > 0 ? 1 : 0;
  info.pPushConstantRanges = &range;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkResult result = context.api().vkCreatePipelineLayout(
      context.device(), &info, nullptr, &layout);
  if (result == VK_SUCCESS)
    layouts[{slots, operands}] = layout;
  return context.check(result, "creating a pipeline layout");
}

Status VulkanPipelines::makePipeline(uint32_t index, const uint8_t *spirv,
                                     const format::KernelCode &kernel,
                                     VkPipelineCache cache) {
  if (pipelines.count(index))
    return Status();
  uint32_t operands = orEmpty(kernel.slots()).size();
  uint32_t slots = slotCount(kernel);
  if (Status status = makeLayout(slots, operands); !status.ok())
    return status;
  VkShaderModuleCreateInfo moduleInfo = {};
  moduleInfo.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  moduleInfo.codeSize = kernel.size();
  // The verifier has shown that it lies at a multiple of 4.
  moduleInfo.pCode = reinterpret_cast<const uint32_t *>(spirv);
  const VulkanDeviceApi &api = context.api();
  VkShaderModule shader = VK_NULL_HANDLE;
  VkResult result =
      api.vkCreateShaderModule(context.device(), &moduleInfo, nullptr, &shader);
  if (result != VK_SUCCESS)
    return context.check(result, "creating a shader module");
  VkComputePipelineCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = shader;
  info.stage.pName = "main";
  info.layout = layout(slots, operands);
  VkPipeline pipeline = VK_NULL_HANDLE;
  result = api.vkCreateComputePipelines(context.device(), cache, 1, &info,
                                        nullptr, &pipeline);
  api.vkDestroyShaderModule(context.device(), shader, nullptr);
  if (result == VK_SUCCESS)
    pipelines[index] = pipeline;
  return context.check(result, "creating its pipeline");
}
