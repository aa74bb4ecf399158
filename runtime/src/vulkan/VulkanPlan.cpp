//===- VulkanPlan.cpp - A program's dispatches on a Vulkan device ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanPlan.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanPlan.h"

#include <algorithm>
#include <string>
#include <tuple>

using namespace sterna;

namespace {

/// The widest row of workgroups; the standard's minimum.
constexpr uint32_t maxRow = 65535;

uint32_t ceilDivide(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

/// Plans one dispatch after another; the members shorten the argument lists.
class Planner {
public:
  Planner(const Module &module, const format::Code &code,
          const StateLayout &layout, const VulkanPhysicalDevice &device)
      : module(module), code(code), layout(layout), device(device) {}

  Expected<VulkanDispatch> plan(const format::Dispatch &dispatch) const;

private:
  /// Where a binding starts in its space as it is allocated.
  uint64_t placeOf(const format::Binding &binding) const {
    return binding.space() == format::Space::state
               ? *layout.find(binding.offset(), binding.size())
               : binding.offset();
  }

  VulkanWindows findWindows(const format::Dispatch &dispatch,
                            const format::KernelCode &kernel) const;
  Status checkLimits(const VulkanDispatch &dispatch,
                     const format::KernelCode &kernel) const;
  Status checkLimit(const VulkanDispatch &dispatch, const char *what,
                    uint64_t need, uint64_t limit) const;

  const Module &module;
  const format::Code &code;
  const StateLayout &layout;
  const VulkanPhysicalDevice &device;
};

Expected<VulkanDispatch> Planner::plan(const format::Dispatch &dispatch) const {
  const format::KernelCode &kernel = *code.kernels()->Get(dispatch.kernel());
  VulkanDispatch result;
  result.kernel = dispatch.kernel();
  result.barrier = dispatch.barrier();
  result.windows = findWindows(dispatch, kernel);
  result.groupsY = ceilDivide(kernel.workgroups(), maxRow);
  result.groupsX =
      result.groupsY ? ceilDivide(kernel.workgroups(), result.groupsY) : 0;
  const auto &bindings = orEmpty(dispatch.bindings());
  for (uint32_t i = 0; i < bindings.size(); ++i) {
    const VulkanWindow &window = result.windows[kernel.slots()->Get(i)];
    uint64_t word = (placeOf(*bindings.Get(i)) - window.base) / 4;
    result.operands.push_back(uint32_t(word));
  }
  if (Status status = checkLimits(result, kernel); !status.ok())
    return status;
  return result;
}

VulkanWindows Planner::findWindows(const format::Dispatch &dispatch,
                                   const format::KernelCode &kernel) const {
  uint64_t alignment = std::max<uint64_t>(
      4, device.properties.limits.minStorageBufferOffsetAlignment);
  VulkanWindows windows;
  const auto &bindings = orEmpty(dispatch.bindings());
  for (uint32_t i = 0; i < bindings.size(); ++i) {
    const format::Binding &binding = *bindings.Get(i);
    VulkanWindow &window = windows[kernel.slots()->Get(i)];
    uint64_t place = placeOf(binding);
    uint64_t base = place / alignment * alignment;
    uint64_t end = (place + binding.size() + 3) / 4 * 4;
    if (window.size > 0) {
      end = std::max(end, window.base + window.size);
      base = std::min(base, window.base);
    }
    bool written = binding.space() != format::Space::weights &&
                   (kernel.written() >> kernel.slots()->Get(i) & 1);
    window = {binding.space(), base, end - base, written};
  }
  return windows;
}

Status Planner::checkLimits(const VulkanDispatch &dispatch,
                            const format::KernelCode &kernel) const {
  const VkPhysicalDeviceLimits &limits = device.properties.limits;
  std::vector<Status> checks = {
      checkLimit(dispatch, "storage buffers", slotCount(kernel),
                 limits.maxPerStageDescriptorStorageBuffers),
      checkLimit(dispatch, "bytes of push constants",
                 dispatch.operands.size() * 4, limits.maxPushConstantsSize),
      checkLimit(dispatch, "workgroups in a row", dispatch.groupsX,
                 limits.maxComputeWorkGroupCount[0]),
      checkLimit(dispatch, "rows of workgroups", dispatch.groupsY,
                 limits.maxComputeWorkGroupCount[1])};
  for (const VulkanWindow &window : dispatch.windows) {
    std::string what = std::string("bytes of the ") +
                       format::EnumNameSpace(window.space) + " in one buffer";
    checks.push_back(checkLimit(dispatch, what.c_str(), window.size,
                                limits.maxStorageBufferRange));
  }
  for (Status &status : checks)
    if (!status.ok())
      return status;
  return Status();
}

Status Planner::checkLimit(const VulkanDispatch &dispatch, const char *what,
                           uint64_t need, uint64_t limit) const {
  if (need <= limit)
    return Status();
  return Status::error(
      "kernel '" +
      module.plan().kernels()->Get(dispatch.kernel)->name()->str() +
      "' needs " + std::to_string(need) + " " + what + ", but Vulkan device '" +
      device.name() + "' allows " + std::to_string(limit));
}

bool conflict(const VulkanWindow &a, const VulkanWindow &b) {
  return (a.written || b.written) && a.space == b.space &&
         a.base < b.base + b.size && b.base < a.base + a.size;
}

/// Adds barriers between dispatches whose windows conflict though their
/// operands do not.
void separate(std::vector<VulkanDispatch> &dispatches) {
  std::vector<VulkanWindow> open; // since the last barrier
  for (VulkanDispatch &dispatch : dispatches) {
    for (const VulkanWindow &window : dispatch.windows)
      for (const VulkanWindow &earlier : open)
        dispatch.barrier |= conflict(window, earlier);
    if (dispatch.barrier)
      open.clear();
    for (const VulkanWindow &window : dispatch.windows)
      if (window.size > 0)
        open.push_back(window);
  }
}

} // namespace

bool VulkanWindow::operator<(const VulkanWindow &other) const {
  return std::tie(space, base, size, written) <
         std::tie(other.space, other.base, other.size, other.written);
}

Expected<const format::Code *> sterna::findVulkanCode(const Module &module) {
  std::string targets;
  for (const format::Code *code : orEmpty(module.plan().code())) {
    if (code->target()->string_view() == "vulkan")
      return code;
    targets += (targets.empty() ? "" : ", ") + code->target()->str();
  }
  return Status::error("the module has no Vulkan code, only code for " +
                       (targets.empty() ? "nothing" : targets) +
                       ": compile it with --target=vulkan");
}

std::optional<std::string>
sterna::missingKernel(const Module &module, const format::Code &code,
                      const format::Program &program) {
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches()))
    if (code.kernels()->Get(dispatch->kernel())->size() == 0)
      return module.plan().kernels()->Get(dispatch->kernel())->name()->str();
  return std::nullopt;
}

uint32_t sterna::slotCount(const format::KernelCode &kernel) {
  uint32_t count = 0;
  for (uint8_t slot : orEmpty(kernel.slots()))
    count = std::max<uint32_t>(count, slot + 1u);
  return count;
}

Expected<std::vector<VulkanDispatch>>
sterna::planVulkan(const Module &module, const format::Code &code,
                   const format::Program &program, const StateLayout &layout,
                   const VulkanPhysicalDevice &device) {
  std::string name = program.name()->str();
  if (auto kernel = missingKernel(module, code, program))
    return Status::error("program '" + name +
                         "' has no Vulkan code for kernel '" + *kernel + "'" +
                         (name.rfind("train_", 0) == 0
                              ? ": training on Vulkan is not there yet; use "
                                "--device=cpu"
                              : ": use --device=cpu"));
  Planner planner(module, code, layout, device);
  std::vector<VulkanDispatch> dispatches;
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches())) {
    Expected<VulkanDispatch> planned = planner.plan(*dispatch);
    if (!planned.ok())
      return Status::error("program '" + name + "': " + planned.message());
    dispatches.push_back(std::move(*planned));
  }
  separate(dispatches);
  return dispatches;
}
