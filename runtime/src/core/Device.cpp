//===- Device.cpp - From a device's name to its driver --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Device.h. The one place that knows all drivers.
//
//===----------------------------------------------------------------------===//

#include "core/Device.h"

#include "core/Cores.h"
#include "cpu/CpuDevice.h"
#include "vulkan/VulkanDevice.h"

using namespace sterna;

Expected<DeviceName> sterna::parseDevice(const std::string &name) {
  const std::string indexed = "vulkan:";
  DeviceName result;
  result.isVulkan = name == "vulkan" || name.rfind(indexed, 0) == 0;
  std::string digits =
      name.size() > indexed.size() ? name.substr(indexed.size()) : "";
  bool isIndex = !digits.empty() && digits.size() < 6 &&
                 digits.find_first_not_of("0123456789") == std::string::npos;
  if (result.isVulkan && isIndex)
    result.index = uint32_t(std::stoul(digits));
  if (name == "cpu" || name == "vulkan" || result.index)
    return result;
  return Status::error("expected the device to be cpu, vulkan or vulkan:INDEX, "
                       "but got '" +
                       name + "'");
}

Expected<std::unique_ptr<Device>>
sterna::createDevice(std::shared_ptr<const Module> module,
                     const std::vector<uint32_t> &programs,
                     const DeviceOptions &options) {
  Expected<DeviceName> name = parseDevice(options.device);
  if (!name.ok())
    return name.status();
  if (!name->isVulkan)
    return createCpuDevice(std::move(module), programs,
                           options.threads == 0 ? availableCores()
                                                : options.threads,
                           options.profile);
  if (options.threads != 0)
    return Status::error("expected no number of threads for device '" +
                         options.device + "', but got " +
                         std::to_string(options.threads) +
                         ": threads are the CPU's");
  return createVulkanDevice(std::move(module), programs, name->index,
                            options.profile);
}
