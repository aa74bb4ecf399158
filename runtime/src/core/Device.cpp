//===- Device.cpp - From a device's name to its driver --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Device.h. The one place that knows all drivers.
//
//===----------------------------------------------------------------------===//

#include "core/Device.h"

#include "cpu/CpuDevice.h"
#include "vulkan/VulkanDevice.h"

using namespace sterna;

namespace {

/// The one place of the runtime where a new family of devices is named.
const DeviceDriver *const drivers[] = {&cpuDriver, &vulkanDriver};

/// INDEX of "TARGET:INDEX".
std::optional<uint32_t> indexOf(const std::string &name,
                                const std::string &target) {
  const std::string prefix = target + ":";
  if (name.rfind(prefix, 0) != 0)
    return std::nullopt;
  std::string digits = name.substr(prefix.size());
  if (digits.empty() || digits.size() > 5 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return uint32_t(std::stoul(digits));
}

} // namespace

Expected<DeviceName> sterna::parseDevice(const std::string &name) {
  std::vector<std::string> known;
  for (const DeviceDriver *driver : drivers) {
    std::string target = driver->target;
    std::optional<uint32_t> index;
    if (driver->indexed)
      index = indexOf(name, target);
    if (name == target || index)
      return DeviceName{driver, index};
    known.push_back(target);
    if (driver->indexed)
      known.push_back(target + ":INDEX");
  }
  std::string list;
  for (size_t i = 0; i < known.size(); ++i)
    list += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + known[i];
  return Status::error("expected the device to be " + list + ", but got '" +
                       name + "'");
}

Expected<DeviceName> sterna::parseDevice(const DeviceOptions &options) {
  Expected<DeviceName> name = parseDevice(options.device);
  if (!name.ok() || !name->driver->indexed)
    return name;
  if (options.weights != WeightsMode::mapped)
    return Status::error("expected weights to be mapped for device '" +
                         options.device +
                         "': it has them in memory of its own");
  if (options.threads == 0)
    return name;
  return Status::error("expected no number of threads for device '" +
                       options.device + "', but got " +
                       std::to_string(options.threads) +
                       ": threads are the CPU's");
}

Expected<WeightsMode> sterna::parseWeightsMode(const std::string &name) {
  if (name == "mapped")
    return WeightsMode::mapped;
  if (name == "resident")
    return WeightsMode::resident;
  if (name == "prefetch")
    return WeightsMode::prefetch;
  return Status::error("expected the weights to be mapped, resident or "
                       "prefetch, but got '" +
                       name + "'");
}

Expected<std::shared_ptr<const Module>>
sterna::viewFor(const Module &module, const DeviceDriver &driver) {
  if (std::shared_ptr<const Module> view = module.viewOf(driver.target))
    return view;
  std::string targets;
  std::string advice;
  for (const format::Plan *plan : orEmpty(module.metadata().plans())) {
    std::string target = plan->target()->str();
    targets += (targets.empty() ? "" : ", ") + target;
    if (parseDevice(target).ok())
      advice = "run it with --device=" + target + ", or ";
  }
  return Status::error("the module has no plan for " +
                       std::string(driver.target) + ", only for " + targets +
                       ": " + advice +
                       "compile it with --target=" + driver.choice);
}

Expected<std::unique_ptr<Device>>
sterna::createDevice(std::shared_ptr<const Module> module,
                     const std::vector<uint32_t> &programs,
                     const DeviceOptions &options) {
  Expected<DeviceName> name = parseDevice(options);
  if (!name.ok())
    return name.status();
  return name->driver->create(std::move(module), programs, options,
                              name->index);
}
