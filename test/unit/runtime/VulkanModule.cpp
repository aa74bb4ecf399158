//===- VulkanModule.cpp - Modules and devices for tests of Vulkan ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanModule.h.
//
//===----------------------------------------------------------------------===//

#include "VulkanModule.h"

#include "vulkan/VulkanInstance.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace sterna;
using namespace sterna::test;

namespace {

using format::Binding;
using format::ElementType;
using format::Space;

std::string readSpirv(const std::string &kernel) {
  std::ifstream file(std::string(STERNA_TEST_SPIRV) + "/" + kernel + ".spv",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TestModule sterna::test::vulkanModule() {
  TestModule module;
  module.target = "vulkan";
  module.weights.assign(128 * 4, '\0');
  struct Kernel {
    const char *name;
    uint32_t workgroups;
    std::vector<uint8_t> slots;
    uint8_t written;
  };
  for (const Kernel &kernel : {Kernel{"squares", vulkanCells, {0}, 1},
                               Kernel{"neighbours", vulkanCells, {0, 1}, 2},
                               Kernel{"subtract", vulkanCells, {0, 0, 1}, 2},
                               Kernel{"accumulate", vulkanCells, {0, 1}, 2},
                               Kernel{"count", vulkanCount, {0}, 1}}) {
    std::string spirv = readSpirv(kernel.name);
    EXPECT_FALSE(spirv.empty()) << kernel.name;
    module.kernels.push_back({kernel.name, kernel.workgroups,
                              module.code.size(), spirv.size(), kernel.slots,
                              kernel.written});
    module.code += spirv;
  }
  return module;
}

TestModule sterna::test::vulkanChain(unsigned rounds, bool barriers) {
  constexpr uint64_t bytes = vulkanCells * 4;
  TestModule module = vulkanModule();
  test::Program program;
  program.name = "chain";
  program.outputs = {{"out", ElementType::i32, {vulkanCells}, 0}};
  program.arenaBytes = 2 * bytes;
  auto buffer = [&](unsigned round) {
    return round == rounds ? Binding(Space::block, 0, bytes)
                           : Binding(Space::arena, round % 2 * bytes, bytes);
  };
  program.dispatches.push_back({VulkanSquares, {buffer(0)}, false});
  for (unsigned round = 1; round <= rounds; ++round)
    program.dispatches.push_back(
        {VulkanNeighbours, {buffer(round - 1), buffer(round)}, barriers});
  module.programs = {program};
  if (!barriers)
    for (KernelGrid &kernel : module.kernels)
      kernel.written = 0; // or the runtime would add the barriers
  module.arenaBytes = 2 * bytes;
  module.blockBytes = bytes;
  return module;
}

std::vector<uint32_t> sterna::test::chainReference(unsigned rounds) {
  std::vector<uint32_t> values(vulkanCells);
  for (uint32_t i = 0; i < vulkanCells; ++i)
    values[i] = i * i;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<uint32_t> next(vulkanCells);
    for (uint32_t i = 0; i < vulkanCells; ++i)
      next[i] = values[i] + values[(i + 1) % vulkanCells];
    values = next;
  }
  return values;
}

std::string sterna::test::driverFile(const std::string &name) {
  std::error_code error;
  for (const auto &entry :
       std::filesystem::directory_iterator("/usr/share/vulkan/icd.d", error))
    if (entry.path().filename().string().rfind(name, 0) == 0)
      return entry.path();
  return "";
}

void sterna::test::prepareVulkan() {
  // Unless the caller has chosen a driver.
  if (std::string software = driverFile("lvp_icd"); !software.empty())
    setenv("VK_ICD_FILENAMES", software.c_str(), /*overwrite=*/0);
  setenv("XDG_CACHE_HOME", temporaryPath("cache").c_str(), /*overwrite=*/1);
  Expected<std::shared_ptr<const VulkanInstance>> instance =
      VulkanInstance::create();
  if (!instance.ok())
    GTEST_SKIP() << instance.message();
}
