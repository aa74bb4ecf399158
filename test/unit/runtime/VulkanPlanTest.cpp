//===- VulkanPlanTest.cpp - Dispatches against a device's limits ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows, operands and grids for devices that exist on paper alone, and what
// is said where there is no Vulkan. Needs no driver.
//
//===----------------------------------------------------------------------===//

#include "VulkanModule.h"

#include "vulkan/VulkanPlan.h"

#include <cstring>

using namespace sterna;
using namespace sterna::test;

namespace {

using format::Binding;
using format::Space;

/// The least that Vulkan 1.1 allows.
VulkanPhysicalDevice smallDevice() {
  VulkanPhysicalDevice device;
  std::strcpy(device.properties.deviceName, "small");
  VkPhysicalDeviceLimits &limits = device.properties.limits;
  limits.minStorageBufferOffsetAlignment = 256;
  limits.maxStorageBufferRange = 1 << 27;
  limits.maxPerStageDescriptorStorageBuffers = 4;
  limits.maxPushConstantsSize = 128;
  for (uint32_t &count : limits.maxComputeWorkGroupCount)
    count = 65535;
  return device;
}

/// A dispatch of VulkanSubtract over the state.
TestModule subtraction(uint64_t a, uint64_t b, uint64_t out) {
  TestModule module = vulkanModule();
  test::Program program;
  program.name = "p";
  program.dispatches = {
      {VulkanSubtract,
       {Binding(Space::state, a, 7), Binding(Space::state, b, 7),
        Binding(Space::arena, out, 8)},
       true}};
  program.arenaBytes = 1 << 20;
  module.programs = {program};
  module.arenaBytes = 1 << 20;
  module.stateBytes = 1 << 30;
  // One tensor, so that all of it is allocated and nothing is moved.
  module.state = {{"s", format::StateKind::kv_cache, {1 << 28}, 0, ""}};
  return module;
}

Expected<std::vector<VulkanDispatch>> plan(const TestModule &description,
                                           const VulkanPhysicalDevice &device) {
  std::shared_ptr<const Module> module = loadValid(description);
  const format::Plan &plan = module->plan();
  return planVulkan(*module, *plan.code()->Get(0), *plan.programs()->Get(0),
                    StateLayout(*module, {0}), device);
}

void expectLimit(const VulkanPhysicalDevice &device,
                 const TestModule &description, const char *message) {
  auto planned = plan(description, device);
  ASSERT_FALSE(planned.ok()) << message;
  EXPECT_EQ(planned.message(), message);
}

// Of two operands far apart, with nothing between that the program touches.
TEST(VulkanPlan, MovesStateTogether) {
  TestModule module = subtraction(1 << 29, 260, 516);
  module.state.clear();
  auto planned = plan(module, smallDevice());
  ASSERT_TRUE(planned.ok()) << planned.message();
  const VulkanDispatch &dispatch = planned->front();
  EXPECT_EQ(dispatch.windows[0].base, 0u);
  EXPECT_EQ(dispatch.windows[0].size, 64u + 8u);
  EXPECT_EQ(dispatch.operands, (std::vector<uint32_t>{16, 1, 1}));
}

TEST(VulkanPlan, CutsWindows) {
  auto planned = plan(subtraction(1004, 260, 516), smallDevice());
  ASSERT_TRUE(planned.ok()) << planned.message();
  ASSERT_EQ(planned->size(), 1u);
  const VulkanDispatch &dispatch = planned->front();
  EXPECT_EQ(dispatch.windows[0].space, Space::state);
  EXPECT_EQ(dispatch.windows[0].base, 256u);
  EXPECT_EQ(dispatch.windows[0].size, 1012u - 256); // a whole word at the end
  EXPECT_EQ(dispatch.windows[1].space, Space::arena);
  EXPECT_EQ(dispatch.windows[1].base, 512u);
  EXPECT_EQ(dispatch.windows[1].size, 12u);
  EXPECT_EQ(dispatch.windows[2].size, 0u);
  EXPECT_EQ(dispatch.operands, (std::vector<uint32_t>{187, 1, 1}));
  EXPECT_EQ(dispatch.groupsX, vulkanCells);
  EXPECT_EQ(dispatch.groupsY, 1u);
  EXPECT_TRUE(dispatch.barrier);
}

TEST(VulkanPlan, SeparatesOverlappingWindows) {
  TestModule module = subtraction(0, 1024, 0);
  auto &dispatches = module.programs[0].dispatches;
  dispatches[0].barrier = false;
  dispatches.push_back(dispatches[0]);
  auto barrier = [&] { return (*plan(module, smallDevice()))[1].barrier; };
  EXPECT_TRUE(barrier()); // both write the same
  dispatches[1].bindings[2] = Binding(Space::arena, 64, 8);
  EXPECT_TRUE(barrier()); // aligned down, the windows overlap
  dispatches[1].bindings[2] = Binding(Space::arena, 256, 8);
  EXPECT_FALSE(barrier()); // both read the same
  dispatches[1].bindings[2] = Binding(Space::state, 512, 8);
  EXPECT_TRUE(barrier()); // written between what the other reads
  dispatches[1].bindings[2] = Binding(Space::state, 2048, 8);
  EXPECT_FALSE(barrier());
  module.kernels[VulkanSubtract].written = 15;
  EXPECT_TRUE(barrier()); // what is read may be written
}

TEST(VulkanPlan, CutsGrids) {
  struct Grid {
    uint32_t workgroups, x, y;
  };
  for (const Grid &grid : {Grid{0, 0, 0}, Grid{1, 1, 1}, Grid{65535, 65535, 1},
                           Grid{65536, 32768, 2}, Grid{131071, 43691, 3}}) {
    TestModule module = subtraction(0, 8, 0);
    module.kernels[VulkanSubtract].workgroups = grid.workgroups;
    auto planned = plan(module, smallDevice());
    ASSERT_TRUE(planned.ok()) << planned.message();
    EXPECT_EQ(planned->front().groupsX, grid.x) << grid.workgroups;
    EXPECT_EQ(planned->front().groupsY, grid.y) << grid.workgroups;
  }
}

TEST(VulkanPlan, ComparesLimits) {
  VulkanPhysicalDevice device = smallDevice();
  expectLimit(device, subtraction(0, 1 << 27, 0),
              "program 'p': kernel 'subtract' needs 134217736 bytes of the "
              "state in one buffer, but Vulkan device 'small' allows "
              "134217728");
  TestModule module = subtraction(0, 8, 0);
  device.properties.limits.maxPushConstantsSize = 8;
  expectLimit(device, module,
              "program 'p': kernel 'subtract' needs 12 bytes of push "
              "constants, but Vulkan device 'small' allows 8");
  device = smallDevice();
  device.properties.limits.maxPerStageDescriptorStorageBuffers = 1;
  expectLimit(device, module,
              "program 'p': kernel 'subtract' needs 2 storage buffers, but "
              "Vulkan device 'small' allows 1");
  device = smallDevice();
  module.kernels[VulkanSubtract].workgroups = UINT32_MAX;
  expectLimit(device, module,
              "program 'p': kernel 'subtract' needs 65537 rows of workgroups, "
              "but Vulkan device 'small' allows 65535");
}

// What the loader lets through can be planned, whatever it says.
TEST(VulkanPlan, SurvivesRandomMetadata) {
  std::string bytes = vulkanChain(3).serialize();
  uint64_t size;
  std::memcpy(&size, bytes.data() + 24, 8);
  std::string path = temporaryPath("damaged.stn");
  uint64_t seed = 1;
  unsigned loaded = 0;
  for (int round = 0; round < 500; ++round) {
    std::string damaged = bytes;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    damaged[64 + (seed >> 33) % size] = char(seed >> 25);
    uint64_t checksum = checksumOf(damaged.substr(64, size));
    std::memcpy(damaged.data() + 32, &checksum, 8);
    writeFile(path, damaged);
    auto module = Module::load(path);
    if (!module.ok())
      continue;
    ++loaded;
    auto code = findVulkanCode(**module);
    const auto &programs = orEmpty((*module)->plan().programs());
    for (uint32_t i = 0; i < programs.size(); ++i)
      if (code.ok())
        (void)planVulkan(**module, **code, *programs.Get(i),
                         StateLayout(**module, {i}), smallDevice())
            .ok();
  }
  EXPECT_GT(loaded, 50u);
}

TEST(VulkanInstance, SaysWhatToInstall) {
  auto instance = VulkanInstance::create("libsterna-absent.so");
  ASSERT_FALSE(instance.ok());
  EXPECT_NE(instance.message().find("no Vulkan loader on this system"),
            std::string::npos);
  EXPECT_NE(instance.message().find("libvulkan1"), std::string::npos);
  instance = VulkanInstance::create("libc.so.6");
  ASSERT_FALSE(instance.ok());
  EXPECT_NE(instance.message().find("is no Vulkan loader"), std::string::npos);
}

TEST(Device, ParsesNames) {
  EXPECT_STREQ(parseDevice("cpu")->driver->target, "cpu");
  EXPECT_STREQ(parseDevice("vulkan")->driver->target, "vulkan");
  EXPECT_FALSE(parseDevice("vulkan")->index);
  EXPECT_EQ(parseDevice("vulkan:12")->index, 12u);
  for (const char *name : {"", "gpu", "cpu:0", "vulkan:", "vulkan:x",
                           "vulkan:-1", "vulkan:1234567", "vulkan0"})
    EXPECT_FALSE(parseDevice(name).ok()) << name;
  auto session = createDevice(loadValid(toyModel()), {0}, {"vulkan:0", 2});
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.message().find("threads are the CPU's"), std::string::npos);
}

} // namespace
