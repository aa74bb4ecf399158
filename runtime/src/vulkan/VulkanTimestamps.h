//===- VulkanTimestamps.h - When a program's dispatches ran ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Timestamps that a device writes around each dispatch of one recorded program,
// and their way into a profile. Only programs that are profiled have them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANTIMESTAMPS_H
#define STERNA_RUNTIME_VULKAN_VULKANTIMESTAMPS_H

#include "core/Profile.h"
#include "vulkan/VulkanContext.h"

namespace sterna {

/// Must not outlive its context; recorded commands need it.
class VulkanTimestamps {
public:
  /// Fails, saying why, if the device's queue cannot measure time.
  static Status check(const VulkanPhysicalDevice &device);

  /// Makes room for `dispatches`.
  static Expected<std::unique_ptr<VulkanTimestamps>>
  create(const VulkanContext &context, uint32_t dispatches);

  ~VulkanTimestamps();
  VulkanTimestamps(const VulkanTimestamps &) = delete;
  VulkanTimestamps &operator=(const VulkanTimestamps &) = delete;

  /// Record, in this order: once what empties the queries, then around each
  /// dispatch, behind its barrier, its begin and end. A timestamp is taken when
  /// all that was recorded before has been computed; so the spans of dispatches
  /// that run at once follow each other and sum to the time of all.
  void recordReset(VkCommandBuffer commands) const;
  void recordBegin(VkCommandBuffer commands, uint32_t dispatch) const {
    record(commands, 2 * dispatch);
  }
  void recordEnd(VkCommandBuffer commands, uint32_t dispatch) const {
    record(commands, 2 * dispatch + 1);
  }

  /// Reads the begin and end of each dispatch of a run that ended at `end` on
  /// the host's clock and did not begin before `begin`. The two clocks are
  /// laid together where the last dispatch ends.
  Status read(uint64_t begin, uint64_t end, ProfileSpan *spans);

private:
  VulkanTimestamps(const VulkanContext &context, uint32_t dispatches)
      : context(context), ticks(2 * uint64_t(dispatches)) {}
  void record(VkCommandBuffer commands, uint32_t query) const;

  const VulkanContext &context;
  VkQueryPool pool = VK_NULL_HANDLE;
  std::vector<uint64_t> ticks; // what the last read gave
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANTIMESTAMPS_H
