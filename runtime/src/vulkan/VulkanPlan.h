//===- VulkanPlan.h - A program's dispatches on a Vulkan device -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the operands of a dispatch into buffer windows and push constants, and
// its workgroups into a grid, as docs/device-binary.md says, and checks them
// against the device's limits. Needs no memory and no queue, so that a module
// can be checked for a device that cannot run it now.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANPLAN_H
#define STERNA_RUNTIME_VULKAN_VULKANPLAN_H

#include "core/StateLayout.h"
#include "vulkan/VulkanInstance.h"

#include <array>
#include <cstdint>
#include <vector>

namespace sterna {

/// Storage buffers of a kernel, at most; the standard's minimum.
constexpr uint32_t maxVulkanSlots = 4;

/// Bytes [base, base + size) of a space that a descriptor shows to a kernel.
struct VulkanWindow {
  format::Space space = format::Space::weights;
  uint64_t base = 0;
  uint64_t size = 0; // 0: no operand of the kernel lies in it
  bool written = false;

  bool operator<(const VulkanWindow &other) const;
};
using VulkanWindows = std::array<VulkanWindow, maxVulkanSlots>;

/// One dispatch, ready to be recorded.
struct VulkanDispatch {
  uint32_t kernel = 0;
  VulkanWindows windows;
  std::vector<uint32_t> operands; // push constants
  uint32_t groupsX = 0;
  uint32_t groupsY = 0; // 0: nothing to run
  bool barrier = false;
};

/// The module's code for Vulkan. Fails, saying how to compile, without.
Expected<const format::Code *> findVulkanCode(const Module &module);

/// Whether the code of `module` has every kernel that a program runs; else the
/// name of the first that it lacks.
std::optional<std::string> missingKernel(const Module &module,
                                         const format::Code &code,
                                         const format::Program &program);

/// Descriptors of a kernel: its highest slot plus one.
uint32_t slotCount(const format::KernelCode &kernel);

/// The dispatches of a program, one of those that `layout` is for. Fails,
/// naming kernel, need and limit, if the code lacks a kernel or the device
/// cannot take a dispatch.
Expected<std::vector<VulkanDispatch>>
planVulkan(const Module &module, const format::Code &code,
           const format::Program &program, const StateLayout &layout,
           const VulkanPhysicalDevice &device);

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANPLAN_H
