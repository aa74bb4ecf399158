//===- VulkanInstance.cpp - The Vulkan devices of this machine ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanInstance.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanInstance.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

using namespace sterna;

namespace {

std::string versionText(uint32_t version) {
  return std::to_string(VK_API_VERSION_MAJOR(version)) + "." +
         std::to_string(VK_API_VERSION_MINOR(version)) + "." +
         std::to_string(VK_API_VERSION_PATCH(version));
}

Status noDriver(const std::string &reason) {
  return Status::error("no Vulkan device on this system: " + reason +
                       "; install a driver, on Debian and Ubuntu "
                       "mesa-vulkan-drivers or the vendor's");
}

} // namespace

std::string VulkanPhysicalDevice::type() const {
  switch (properties.deviceType) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return "discrete";
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return "integrated";
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return "virtual";
  case VK_PHYSICAL_DEVICE_TYPE_CPU:
    return "cpu";
  default:
    return "other";
  }
}

std::string VulkanPhysicalDevice::version() const {
  return versionText(properties.apiVersion);
}

uint64_t VulkanPhysicalDevice::memoryBytes() const {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i)
    if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      bytes += memory.memoryHeaps[i].size;
  return bytes;
}

Expected<std::shared_ptr<const VulkanInstance>>
VulkanInstance::create(const char *library) {
  std::shared_ptr<VulkanInstance> instance(new VulkanInstance());
  if (Status status = instance->open(library); !status.ok())
    return status;
  return std::shared_ptr<const VulkanInstance>(std::move(instance));
}

VulkanInstance::~VulkanInstance() {
  if (instance)
    functions.vkDestroyInstance(instance, nullptr);
  if (loader)
    dlclose(loader);
}

Status VulkanInstance::open(const char *library) {
  loader = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!loader)
    return Status::error(std::string("no Vulkan loader on this system: cannot "
                                     "open ") +
                         library +
                         "; install it, on Debian and Ubuntu the package "
                         "libvulkan1, and a driver such as "
                         "mesa-vulkan-drivers");
  auto lookUp = reinterpret_cast<PFN_vkGetInstanceProcAddr>(
      dlsym(loader, "vkGetInstanceProcAddr"));
  if (!lookUp)
    return Status::error(std::string(library) +
                         " is no Vulkan loader: it lacks "
                         "vkGetInstanceProcAddr");
  if (Status status = createInstance(lookUp); !status.ok())
    return status;
  return enumerate();
}

Status VulkanInstance::createInstance(PFN_vkGetInstanceProcAddr lookUp) {
  // A loader of Vulkan 1.0 lacks the first of these and refuses version 1.1.
  auto versionOf = reinterpret_cast<PFN_vkEnumerateInstanceVersion>(
      lookUp(nullptr, "vkEnumerateInstanceVersion"));
  auto create = reinterpret_cast<PFN_vkCreateInstance>(
      lookUp(nullptr, "vkCreateInstance"));
  if (!versionOf || !create)
    return Status::error("expected a Vulkan loader of version 1.1 or later, "
                         "but got an older one: update it");
  VkApplicationInfo application = {};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = "sterna";
  application.apiVersion = VK_API_VERSION_1_1;
  VkInstanceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;
  VkResult result = create(&info, nullptr, &instance);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
    return noDriver("the Vulkan loader finds no driver");
  if (result != VK_SUCCESS)
    return Status::error("cannot start Vulkan: " + resultText(result));
  return functions.load(lookUp, instance);
}

Status VulkanInstance::enumerate() {
  std::vector<VkPhysicalDevice> handles;
  VkResult result;
  do {
    uint32_t count = 0;
    result = functions.vkEnumeratePhysicalDevices(instance, &count,
                                                  /*devices=*/nullptr);
    handles.resize(count);
    if (result == VK_SUCCESS)
      result = functions.vkEnumeratePhysicalDevices(instance, &count,
                                                    handles.data());
    handles.resize(count);
  } while (result == VK_INCOMPLETE);
  if (result != VK_SUCCESS)
    return noDriver(resultText(result));
  if (handles.empty())
    return noDriver("its drivers find no device");
  for (VkPhysicalDevice handle : handles)
    list.push_back(describe(handle));
  return Status();
}

VulkanPhysicalDevice VulkanInstance::describe(VkPhysicalDevice handle) const {
  VulkanPhysicalDevice device;
  device.handle = handle;
  functions.vkGetPhysicalDeviceProperties(handle, &device.properties);
  functions.vkGetPhysicalDeviceMemoryProperties(handle, &device.memory);
  uint32_t count = 0;
  functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count,
                                                     families.data());
  for (uint32_t i = 0; i < count && !device.queueFamily; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      device.queueFamily = i;
  if (device.queueFamily)
    device.timestampBits = families[*device.queueFamily].timestampValidBits;
  device.driver = driverOf(device);
  if (device.properties.apiVersion < VK_API_VERSION_1_1)
    return device;
  VkPhysicalDeviceMaintenance3Properties maintenance = {};
  maintenance.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
  VkPhysicalDeviceProperties2 properties = {};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  properties.pNext = &maintenance;
  functions.vkGetPhysicalDeviceProperties2(handle, &properties);
  device.maxAllocationBytes = maintenance.maxMemoryAllocationSize;
  return device;
}

std::string VulkanInstance::driverOf(const VulkanPhysicalDevice &device) const {
  uint32_t count = 0;
  functions.vkEnumerateDeviceExtensionProperties(device.handle, nullptr, &count,
                                                 nullptr);
  std::vector<VkExtensionProperties> extensions(count);
  functions.vkEnumerateDeviceExtensionProperties(device.handle, nullptr, &count,
                                                 extensions.data());
  bool hasName = std::any_of(
      extensions.begin(), extensions.end(), [](const auto &extension) {
        return std::strcmp(extension.extensionName,
                           VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME) == 0;
      });
  if (!hasName || device.properties.apiVersion < VK_API_VERSION_1_1)
    return "version " + versionText(device.properties.driverVersion);
  VkPhysicalDeviceDriverProperties driver = {};
  driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
  VkPhysicalDeviceProperties2 properties = {};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  properties.pNext = &driver;
  functions.vkGetPhysicalDeviceProperties2(device.handle, &properties);
  return std::string(driver.driverName) + " " + driver.driverInfo;
}

uint32_t VulkanInstance::preferred() const {
  for (const char *type : {"discrete", "integrated"})
    for (uint32_t i = 0; i < list.size(); ++i)
      if (list[i].type() == type)
        return i;
  return 0;
}

Expected<const VulkanPhysicalDevice *>
VulkanInstance::choose(std::optional<uint32_t> index) const {
  uint32_t chosen = index.value_or(preferred());
  if (chosen >= list.size()) {
    std::string names;
    for (uint32_t i = 0; i < list.size(); ++i)
      names +=
          (i == 0 ? "" : ", ") + std::to_string(i) + " is " + list[i].name();
    return Status::error("there is no Vulkan device " + std::to_string(chosen) +
                         ": " + names);
  }
  const VulkanPhysicalDevice &device = list[chosen];
  if (device.properties.apiVersion < VK_API_VERSION_1_1)
    return Status::error("expected '" + device.name() +
                         "' to have Vulkan 1.1 or later, but got " +
                         device.version() + ": update its driver");
  if (!device.queueFamily)
    return Status::error("'" + device.name() + "' has no queue that computes");
  return &device;
}
