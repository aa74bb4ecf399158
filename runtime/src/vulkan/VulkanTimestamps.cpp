//===- VulkanTimestamps.cpp - When a program's dispatches ran -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanTimestamps.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanTimestamps.h"

#include <algorithm>

using namespace sterna;

Status VulkanTimestamps::check(const VulkanPhysicalDevice &device) {
  if (device.timestampBits > 0)
    return Status();
  return Status::error("Vulkan device '" + device.name() +
                       "' cannot be profiled: its queue takes no timestamps "
                       "(timestampValidBits is 0)");
}

Expected<std::unique_ptr<VulkanTimestamps>>
VulkanTimestamps::create(const VulkanContext &context, uint32_t dispatches) {
  std::unique_ptr<VulkanTimestamps> timestamps(
      new VulkanTimestamps(context, dispatches));
  VkQueryPoolCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
  info.queryType = VK_QUERY_TYPE_TIMESTAMP;
  // A pool of nothing is not allowed, even where a program has no dispatch.
  info.queryCount = std::max(1u, 2 * dispatches);
  Status status =
      context.check(context.api().vkCreateQueryPool(context.device(), &info,
                                                    nullptr, &timestamps->pool),
                    "creating timestamps");
  if (!status.ok())
    return status;
  return timestamps;
}

VulkanTimestamps::~VulkanTimestamps() {
  if (!context.isHanging())
    context.api().vkDestroyQueryPool(context.device(), pool, nullptr);
}

void VulkanTimestamps::recordReset(VkCommandBuffer commands) const {
  if (!ticks.empty())
    context.api().vkCmdResetQueryPool(commands, pool, /*firstQuery=*/0,
                                      uint32_t(ticks.size()));
}

void VulkanTimestamps::record(VkCommandBuffer commands, uint32_t query) const {
  context.api().vkCmdWriteTimestamp(
      commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, pool, query);
}

Status VulkanTimestamps::read(uint64_t begin, uint64_t end,
                              ProfileSpan *spans) {
  if (ticks.empty())
    return Status();
  VkResult result = context.api().vkGetQueryPoolResults(
      context.device(), pool, /*firstQuery=*/0, uint32_t(ticks.size()),
      ticks.size() * sizeof(uint64_t), ticks.data(), sizeof(uint64_t),
      VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
  if (result != VK_SUCCESS)
    return context.check(result, "reading timestamps");
  uint32_t bits = context.physical().timestampBits;
  uint64_t mask = bits >= 64 ? UINT64_MAX : (uint64_t(1) << bits) - 1;
  double period = context.limits().timestampPeriod; // nanoseconds
  uint64_t last = ticks.back();
  auto hostTime = [&](uint64_t tick) {
    // Counted backwards, so that a counter may wrap; the clocks differ in speed
    // a little, and no span may lie outside its run.
    double before = double((last - tick) & mask) * period;
    return before < double(end - begin) ? end - uint64_t(before) : begin;
  };
  for (size_t i = 0; i < ticks.size() / 2; ++i) {
    spans[i].begin = hostTime(ticks[2 * i]);
    spans[i].end = hostTime(ticks[2 * i + 1]);
  }
  return Status();
}
