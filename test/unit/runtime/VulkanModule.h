//===- VulkanModule.h - Modules and devices for tests of Vulkan -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module with the kernels of vulkan/*.spvasm, and the fixture of the tests
// that run it: the software device where it is installed, so that results do
// not depend on the machine, and a folder of its own for compiled pipelines.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_UNIT_RUNTIME_VULKANMODULE_H
#define STERNA_TEST_UNIT_RUNTIME_VULKANMODULE_H

#include "TestModule.h"

#include <gtest/gtest.h>

namespace sterna {
namespace test {

/// Kernels of vulkan/*.spvasm, by index; all run 64 workgroups but Count, which
/// runs 70001.
enum VulkanKernel : uint32_t {
  VulkanSquares,
  VulkanNeighbours,
  VulkanSubtract,
  VulkanAccumulate,
  VulkanCount
};
constexpr uint32_t vulkanCells = 64;
constexpr uint32_t vulkanCount = 70001;

/// A module with Vulkan code for these kernels and no program.
TestModule vulkanModule();

/// A program that squares, then sums neighbours `rounds` times, between two
/// buffers of the arena; the last goes to the output `out`. With `barriers`
/// false it has the race that they prevent.
TestModule vulkanChain(unsigned rounds, bool barriers = true);

/// What `out` of the chain must be.
std::vector<uint32_t> chainReference(unsigned rounds);

/// The file by which the loader finds a driver, whose name begins with `name`;
/// empty if it is not installed.
std::string driverFile(const std::string &name);

/// Chooses the software device where it is installed and a folder for compiled
/// pipelines. Skips the test, with the reason, if there is no device.
void prepareVulkan();

/// A test that needs a device.
class VulkanTest : public testing::Test {
protected:
  void SetUp() override { prepareVulkan(); }
};

} // namespace test
} // namespace sterna

#endif // STERNA_TEST_UNIT_RUNTIME_VULKANMODULE_H
