//===- VulkanApi.h - Vulkan, loaded at run time ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of Vulkan 1.1 that the driver calls, as tables that live as
// long as the instance or device they belong to. So a program runs where Vulkan
// is not installed, and no global state is kept, which a ready-made loader of
// global functions would.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANAPI_H
#define STERNA_RUNTIME_VULKAN_VULKANAPI_H

#include "io/Status.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <string>

namespace sterna {

#define STERNA_VULKAN_INSTANCE_FUNCTIONS(F)                                    \
  F(vkCreateDevice)                                                            \
  F(vkDestroyInstance)                                                         \
  F(vkEnumerateDeviceExtensionProperties)                                      \
  F(vkEnumeratePhysicalDevices)                                                \
  F(vkGetDeviceProcAddr)                                                       \
  F(vkGetPhysicalDeviceMemoryProperties)                                       \
  F(vkGetPhysicalDeviceProperties)                                             \
  F(vkGetPhysicalDeviceProperties2)                                            \
  F(vkGetPhysicalDeviceQueueFamilyProperties)

#define STERNA_VULKAN_DEVICE_FUNCTIONS(F)                                      \
  F(vkAllocateCommandBuffers)                                                  \
  F(vkAllocateDescriptorSets)                                                  \
  F(vkAllocateMemory)                                                          \
  F(vkBeginCommandBuffer)                                                      \
  F(vkBindBufferMemory)                                                        \
  F(vkCmdBindDescriptorSets)                                                   \
  F(vkCmdBindPipeline)                                                         \
  F(vkCmdCopyBuffer)                                                           \
  F(vkCmdDispatch)                                                             \
  F(vkCmdFillBuffer)                                                           \
  F(vkCmdPipelineBarrier)                                                      \
  F(vkCmdPushConstants)                                                        \
  F(vkCmdResetQueryPool)                                                       \
  F(vkCmdWriteTimestamp)                                                       \
  F(vkCreateBuffer)                                                            \
  F(vkCreateCommandPool)                                                       \
  F(vkCreateComputePipelines)                                                  \
  F(vkCreateDescriptorPool)                                                    \
  F(vkCreateDescriptorSetLayout)                                               \
  F(vkCreateFence)                                                             \
  F(vkCreatePipelineCache)                                                     \
  F(vkCreatePipelineLayout)                                                    \
  F(vkCreateQueryPool)                                                         \
  F(vkCreateShaderModule)                                                      \
  F(vkDestroyBuffer)                                                           \
  F(vkDestroyCommandPool)                                                      \
  F(vkDestroyDescriptorPool)                                                   \
  F(vkDestroyDescriptorSetLayout)                                              \
  F(vkDestroyDevice)                                                           \
  F(vkDestroyFence)                                                            \
  F(vkDestroyPipeline)                                                         \
  F(vkDestroyPipelineCache)                                                    \
  F(vkDestroyPipelineLayout)                                                   \
  F(vkDestroyQueryPool)                                                        \
  F(vkDestroyShaderModule)                                                     \
  F(vkDeviceWaitIdle)                                                          \
  F(vkEndCommandBuffer)                                                        \
  F(vkFreeMemory)                                                              \
  F(vkGetBufferMemoryRequirements)                                             \
  F(vkGetDeviceQueue)                                                          \
  F(vkGetPipelineCacheData)                                                    \
  F(vkGetQueryPoolResults)                                                     \
  F(vkMapMemory)                                                               \
  F(vkQueueSubmit)                                                             \
  F(vkResetFences)                                                             \
  F(vkUpdateDescriptorSets)                                                    \
  F(vkWaitForFences)

#define STERNA_VULKAN_MEMBER(name) PFN_##name name = nullptr;

/// Functions of one instance.
struct VulkanInstanceApi {
  STERNA_VULKAN_INSTANCE_FUNCTIONS(STERNA_VULKAN_MEMBER)

  /// Looks all of them up. Fails, naming the first that is missing.
  Status load(PFN_vkGetInstanceProcAddr lookUp, VkInstance owner);
};

/// Functions of one device.
struct VulkanDeviceApi {
  STERNA_VULKAN_DEVICE_FUNCTIONS(STERNA_VULKAN_MEMBER)

  /// Looks all of them up. Fails, naming the first that is missing.
  Status load(PFN_vkGetDeviceProcAddr lookUp, VkDevice owner);
};

#undef STERNA_VULKAN_MEMBER

/// What a result means, for a message: "out of device memory".
std::string resultText(VkResult result);

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANAPI_H
