//===- VulkanContext.cpp - One Vulkan device, opened ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanContext.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanContext.h"

using namespace sterna;

Expected<std::unique_ptr<VulkanContext>>
VulkanContext::create(std::shared_ptr<const VulkanInstance> instance,
                      const VulkanPhysicalDevice &physical) {
  std::unique_ptr<VulkanContext> context(
      new VulkanContext(std::move(instance), physical));
  if (Status status = context->open(); !status.ok())
    return status;
  return context;
}

VulkanContext::~VulkanContext() {
  if (hangs) // the device stays, so its instance must
    new std::shared_ptr<const VulkanInstance>(std::move(instance));
  if (!handle || !functions.vkDestroyDevice || hangs)
    return;
  if (running)
    functions.vkDeviceWaitIdle(handle);
  functions.vkDestroyFence(handle, fence, nullptr);
  functions.vkDestroyCommandPool(handle, pool, nullptr);
  functions.vkDestroyDevice(handle, nullptr);
}

Status VulkanContext::open() {
  float priority = 1;
  VkDeviceQueueCreateInfo queueInfo = {};
  queueInfo.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queueInfo.queueFamilyIndex = *chosen->queueFamily;
  queueInfo.queueCount = 1;
  queueInfo.pQueuePriorities = &priority;
  VkDeviceCreateInfo deviceInfo = {};
  deviceInfo.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  deviceInfo.queueCreateInfoCount = 1;
  deviceInfo.pQueueCreateInfos = &queueInfo;
  const VulkanInstanceApi &api = instance->api();
  Status status =
      check(api.vkCreateDevice(chosen->handle, &deviceInfo, nullptr, &handle),
            "opening the device");
  if (!status.ok())
    return status;
  return functions.load(api.vkGetDeviceProcAddr, handle);
}

Status VulkanContext::startQueue() {
  functions.vkGetDeviceQueue(handle, *chosen->queueFamily, /*queueIndex=*/0,
                             &queue);
  VkCommandPoolCreateInfo poolInfo = {};
  poolInfo.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  poolInfo.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  poolInfo.queueFamilyIndex = *chosen->queueFamily;
  Status status =
      check(functions.vkCreateCommandPool(handle, &poolInfo, nullptr, &pool),
            "creating a command pool");
  if (!status.ok())
    return status;
  VkFenceCreateInfo fenceInfo = {};
  fenceInfo.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  return check(functions.vkCreateFence(handle, &fenceInfo, nullptr, &fence),
               "creating a fence");
}

Expected<VkCommandBuffer> VulkanContext::allocateCommands() {
  VkCommandBufferAllocateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  info.commandPool = pool;
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  VkCommandBuffer commands = VK_NULL_HANDLE;
  Status status =
      check(functions.vkAllocateCommandBuffers(handle, &info, &commands),
            "allocating commands");
  if (!status.ok())
    return status;
  return commands;
}

Status VulkanContext::hanging(const std::string &what) const {
  return Status::error("Vulkan device '" + chosen->name() + "': " + what +
                       " did not end within " + std::to_string(longestRun) +
                       " s: the device hangs, or is too slow for the model");
}

Status VulkanContext::submit(VkCommandBuffer commands,
                             const std::string &what) {
  if (hangs)
    return hanging(what);
  VkSubmitInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands;
  VkResult result = functions.vkQueueSubmit(queue, 1, &info, fence);
  running = result == VK_SUCCESS;
  if (result == VK_SUCCESS)
    result = functions.vkWaitForFences(handle, 1, &fence, VK_TRUE,
                                       longestRun * 1000000000);
  if (result == VK_TIMEOUT) {
    hangs = true;
    return hanging(what);
  }
  running = running && result != VK_SUCCESS;
  if (result == VK_SUCCESS)
    result = functions.vkResetFences(handle, 1, &fence);
  return check(result, what);
}

Status VulkanContext::check(VkResult result, const std::string &what) const {
  if (result == VK_SUCCESS)
    return Status();
  std::string where = "Vulkan device '" + chosen->name() + "'";
  if (result == VK_ERROR_DEVICE_LOST)
    return Status::error(where + " was lost while " + what +
                         ": its driver reset it or it was removed; start "
                         "again, and see the system's log for the cause");
  return Status::error(where + ": " + what + " failed: " + resultText(result));
}

void sterna::recordBarrier(const VulkanContext &context,
                           VkCommandBuffer commands, const VulkanAccess &from,
                           const VulkanAccess &to) {
  VkMemoryBarrier barrier = {};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = from.access;
  barrier.dstAccessMask = to.access;
  context.api().vkCmdPipelineBarrier(commands, from.stages, to.stages,
                                     /*dependencyFlags=*/0, 1, &barrier, 0,
                                     nullptr, 0, nullptr);
}
