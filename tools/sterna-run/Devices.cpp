//===- Devices.cpp - sterna-run devices -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What programs can run on, and whether a Vulkan device takes the code of a
// module. Nothing is executed.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "cpu/CpuFeatures.h"
#include "vulkan/VulkanDevice.h"
#include "vulkan/VulkanInstance.h"

using namespace sterna;

namespace {

struct Options {
  std::string check;
  bool checkOwn = false;
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run devices\n"
    "  sterna-run devices --json | tail -n 1 | jq .vulkan\n"
    "  sterna-run devices --check model.stn --device vulkan:0\n"
    "\n"
    "The first word of each line is what --device takes. A check compiles all "
    "kernels\nof the module's Vulkan code with the device's driver and "
    "compares "
    "every dispatch\nwith the device's limits; it needs no memory for the "
    "model.\n";

void describe(CLI::App &command, Options &options) {
  command.add_option("--check", options.check,
                     "device binary (.stn) whose Vulkan code to compile");
}

void describeOwn(CLI::App &command, Options &options) {
  command.add_flag("--check", options.checkOwn,
                   "compile the model's Vulkan code");
}

Json describe(const VulkanPhysicalDevice &device, uint32_t index) {
  return {{"index", index},
          {"name", device.name()},
          {"type", device.type()},
          {"driver", device.driver},
          {"memory_bytes", device.memoryBytes()},
          {"api_version", device.version()}};
}

/// The list, with the reason in `vulkan_error` where there is no Vulkan.
Json listDevices() {
  Json list = {{"cpu", {{"levels", hostLevels()}}},
               {"vulkan", Json::array()},
               {"vulkan_error", nullptr}};
  Expected<std::shared_ptr<const VulkanInstance>> instance =
      VulkanInstance::create();
  if (!instance.ok()) {
    list["vulkan_error"] = instance.message();
    return list;
  }
  uint32_t index = 0;
  for (const VulkanPhysicalDevice &device : (*instance)->devices())
    list["vulkan"].push_back(describe(device, index++));
  return list;
}

void printDevices(const Json &list) {
  std::string levels;
  for (const Json &level : list["cpu"]["levels"])
    levels += " " + level.get<std::string>();
  std::printf("cpu       runs code for%s\n", levels.c_str());
  for (const Json &device : list["vulkan"])
    std::printf("vulkan:%-2u %s (%s), %s, Vulkan %s, driver %s\n",
                device["index"].get<uint32_t>(),
                device["name"].get<std::string>().c_str(),
                device["type"].get<std::string>().c_str(),
                formatBytes(device["memory_bytes"].get<uint64_t>()).c_str(),
                device["api_version"].get<std::string>().c_str(),
                device["driver"].get<std::string>().c_str());
  if (!list["vulkan_error"].is_null())
    std::printf("vulkan    %s\n",
                list["vulkan_error"].get<std::string>().c_str());
}

Status check(const std::string &path, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module = Module::load(path);
  if (!module.ok())
    return module.status();
  Expected<DeviceName> name = parseDevice(common.device.device);
  if (!name.ok())
    return name.status();
  Expected<VulkanCheck> check = checkVulkanModule(**module, name->index);
  if (!check.ok())
    return check.status();
  if (common.json) {
    printJson({{"device", check->device},
               {"pipelines", check->pipelines},
               {"programs", check->programs},
               {"dispatches", check->dispatches},
               {"missing_programs", check->missing}});
    return Status();
  }
  std::printf("%s takes %u pipelines and %llu dispatches of %u programs\n",
              check->device.c_str(), check->pipelines,
              (unsigned long long)check->dispatches, check->programs);
  for (const std::string &program : check->missing)
    std::printf("no Vulkan code for program '%s'\n", program.c_str());
  return Status();
}

Status run(const Options &options, const CommonOptions &common) {
  if (options.checkOwn)
    return check(common.ownModel, common);
  if (!options.check.empty())
    return check(options.check, common);
  Json list = listDevices();
  if (common.json)
    printJson(list);
  else
    printDevices(list);
  return Status();
}

} // namespace

void sterna::addDevicesCommand(CLI::App &app, const CommonOptions &common,
                               Action &action) {
  // A program that carries its model needs no file to check.
  void (*options)(CLI::App &, Options &) = describe;
  addCommand<Options>(app, common, action, "devices",
                      "What programs can run on", footer,
                      common.ownModel.empty() ? options : describeOwn, run);
}
