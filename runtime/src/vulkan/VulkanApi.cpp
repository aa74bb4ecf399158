//===- VulkanApi.cpp - Vulkan, loaded at run time -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanApi.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanApi.h"

using namespace sterna;

#define STERNA_VULKAN_LOAD(name)                                               \
  name = reinterpret_cast<PFN_##name>(lookUp(owner, #name));                   \
  if (!name)                                                                   \
    return Status::error("the Vulkan driver lacks " #name                      \
                         ": expected Vulkan 1.1 or later");

Status VulkanInstanceApi::load(PFN_vkGetInstanceProcAddr lookUp,
                               VkInstance owner) {
  STERNA_VULKAN_INSTANCE_FUNCTIONS(STERNA_VULKAN_LOAD)
  return Status();
}

Status VulkanDeviceApi::load(PFN_vkGetDeviceProcAddr lookUp, VkDevice owner) {
  STERNA_VULKAN_DEVICE_FUNCTIONS(STERNA_VULKAN_LOAD)
  return Status();
}

std::string sterna::resultText(VkResult result) {
  switch (result) {
  case VK_ERROR_OUT_OF_HOST_MEMORY:
    return "out of host memory";
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    return "out of device memory";
  case VK_ERROR_INITIALIZATION_FAILED:
    return "the driver failed to initialize";
  case VK_ERROR_DEVICE_LOST:
    return "the device is lost";
  case VK_ERROR_INCOMPATIBLE_DRIVER:
    return "there is no driver";
  case VK_ERROR_LAYER_NOT_PRESENT:
    return "a layer is not present";
  case VK_ERROR_TOO_MANY_OBJECTS:
    return "too many objects";
  case VK_ERROR_INVALID_SHADER_NV:
    return "the driver finds the code invalid";
  default:
    return "Vulkan error " + std::to_string(result);
  }
}
