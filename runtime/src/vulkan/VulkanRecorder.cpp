//===- VulkanRecorder.cpp - Programs as command buffers -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanRecorder.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanRecorder.h"

#include <algorithm>

using namespace sterna;

VulkanRecorder::~VulkanRecorder() {
  if (!context.isHanging())
    context.api().vkDestroyDescriptorPool(context.device(), pool, nullptr);
}

VulkanRecorder::SetKey
VulkanRecorder::keyOf(const VulkanDispatch &dispatch) const {
  return {slotCount(*code.kernels()->Get(dispatch.kernel)), dispatch.windows};
}

Status VulkanRecorder::allocate(
    const std::vector<std::vector<VulkanDispatch>> &programs) {
  for (const std::vector<VulkanDispatch> &program : programs)
    for (const VulkanDispatch &dispatch : program)
      sets[keyOf(dispatch)] = VK_NULL_HANDLE;
  if (sets.empty())
    return Status();
  if (Status status = createPool(); !status.ok())
    return status;
  for (auto &[key, set] : sets) {
    VkDescriptorSetLayout layout = pipelines.setLayout(key.first);
    VkDescriptorSetAllocateInfo info = {};
    info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
    info.descriptorPool = pool;
    info.descriptorSetCount = 1;
    info.pSetLayouts = &layout;
    VkResult result =
        context.api().vkAllocateDescriptorSets(context.device(), &info, &set);
    if (result != VK_SUCCESS)
      return context.check(result, "allocating descriptors");
    fill(set, key.second);
  }
  return Status();
}

Status VulkanRecorder::createPool() {
  VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 0};
  for (const auto &[key, set] : sets)
    size.descriptorCount += key.first;
  // A pool of nothing is not allowed, even where no kernel has operands.
  size.descriptorCount = std::max(1u, size.descriptorCount);
  VkDescriptorPoolCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  info.maxSets = uint32_t(sets.size());
  info.poolSizeCount = 1;
  info.pPoolSizes = &size;
  return context.check(context.api().vkCreateDescriptorPool(
                           context.device(), &info, nullptr, &pool),
                       "creating a descriptor pool");
}

void VulkanRecorder::fill(VkDescriptorSet set, const VulkanWindows &windows) {
  for (uint32_t slot = 0; slot < windows.size(); ++slot) {
    const VulkanWindow &window = windows[slot];
    if (window.size == 0)
      continue;
    VkDescriptorBufferInfo buffer = {spaces[size_t(window.space)], window.base,
                                     window.size};
    VkWriteDescriptorSet write = {};
    write.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
    write.dstSet = set;
    write.dstBinding = slot;
    write.descriptorCount = 1;
    write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    write.pBufferInfo = &buffer;
    context.api().vkUpdateDescriptorSets(context.device(), 1, &write, 0,
                                         nullptr);
  }
}

Expected<VkCommandBuffer>
VulkanRecorder::record(const std::vector<VulkanDispatch> &program,
                       const VulkanTimestamps *timestamps) {
  Expected<VkCommandBuffer> commands = context.allocateCommands();
  if (!commands.ok())
    return commands;
  VkCommandBufferBeginInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  VkResult result = context.api().vkBeginCommandBuffer(*commands, &info);
  if (result == VK_SUCCESS) {
    if (timestamps)
      timestamps->recordReset(*commands);
    recordBarrier(context, *commands, allAccess, kernelAccess);
    record(*commands, program, timestamps);
    recordBarrier(context, *commands, kernelAccess, hostAccess);
    result = context.api().vkEndCommandBuffer(*commands);
  }
  if (result != VK_SUCCESS)
    return context.check(result, "recording a program");
  return commands;
}

void VulkanRecorder::record(VkCommandBuffer commands,
                            const std::vector<VulkanDispatch> &program,
                            const VulkanTimestamps *timestamps) {
  for (uint32_t i = 0; i < program.size(); ++i) {
    if (program[i].barrier)
      recordBarrier(context, commands, kernelAccess, kernelAccess);
    if (timestamps)
      timestamps->recordBegin(commands, i);
    record(commands, program[i]);
    if (timestamps)
      timestamps->recordEnd(commands, i);
  }
}

void VulkanRecorder::record(VkCommandBuffer commands,
                            const VulkanDispatch &dispatch) {
  if (dispatch.groupsY == 0)
    return;
  const VulkanDeviceApi &api = context.api();
  SetKey key = keyOf(dispatch);
  uint32_t operands = uint32_t(dispatch.operands.size());
  VkPipelineLayout layout = pipelines.layout(key.first, operands);
  api.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                        pipelines.pipeline(dispatch.kernel));
  api.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout,
                              /*firstSet=*/0, 1, &sets.at(key), 0, nullptr);
  if (operands > 0)
    api.vkCmdPushConstants(commands, layout, VK_SHADER_STAGE_COMPUTE_BIT,
                           /*offset=*/0, operands * 4,
                           dispatch.operands.data());
  api.vkCmdDispatch(commands, dispatch.groupsX, dispatch.groupsY, 1);
}
