//===- VulkanBuffer.cpp - Memory of a Vulkan device -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanBuffer.h.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanBuffer.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

using namespace sterna;

namespace {

/// What travels at once to memory that the host does not see.
constexpr uint64_t stagingBytes = 16 << 20;

constexpr VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
constexpr VkMemoryPropertyFlags visible =
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
constexpr VkMemoryPropertyFlags cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;

/// Properties to look for, the best first.
std::vector<VkMemoryPropertyFlags> wishes(VulkanPlace place) {
  switch (place) {
  case VulkanPlace::device:
    return {local, 0};
  case VulkanPlace::shared:
    return {local | visible, local, 0};
  case VulkanPlace::host:
    // The host reads outputs: uncached memory would be slow.
    return {visible | cached, visible};
  }
  return {};
}

/// The first memory type of `allowed` that has the wished properties, none that
/// need a feature, and room for `bytes`.
std::optional<uint32_t> findType(const VkPhysicalDeviceMemoryProperties &memory,
                                 uint32_t allowed, VkMemoryPropertyFlags wish,
                                 uint64_t bytes) {
  for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
    const VkMemoryType &type = memory.memoryTypes[i];
    if ((allowed >> i & 1) && (type.propertyFlags & wish) == wish &&
        !(type.propertyFlags & ~(local | visible | cached)) &&
        memory.memoryHeaps[type.heapIndex].size >= bytes)
      return i;
  }
  return std::nullopt;
}

} // namespace

VulkanPlace sterna::placeFor(const VulkanPhysicalDevice &device) {
  return device.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
             ? VulkanPlace::device
             : VulkanPlace::shared;
}

VulkanBuffer::VulkanBuffer(VulkanBuffer &&other) noexcept {
  *this = std::move(other);
}

VulkanBuffer &VulkanBuffer::operator=(VulkanBuffer &&other) noexcept {
  std::swap(context, other.context);
  std::swap(buffer, other.buffer);
  std::swap(memory, other.memory);
  std::swap(bytes, other.bytes);
  std::swap(mapped, other.mapped);
  return *this;
}

VulkanBuffer::~VulkanBuffer() {
  if (!context || context->isHanging())
    return;
  context->api().vkDestroyBuffer(context->device(), buffer, nullptr);
  context->api().vkFreeMemory(context->device(), memory, nullptr);
}

Expected<VulkanBuffer> VulkanBuffer::create(const VulkanContext &context,
                                            uint64_t bytes, VulkanPlace place,
                                            const char *purpose) {
  VulkanBuffer buffer;
  buffer.context = &context;
  buffer.bytes = bytes;
  uint64_t limit = context.physical().maxAllocationBytes;
  if (bytes > limit)
    return buffer.refuse(
        "it allocates at most " + std::to_string(limit) + " at once", purpose);
  buffer.bytes = std::max<uint64_t>(4, (bytes + 3) / 4 * 4);
  VkBufferCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.size = buffer.bytes;
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
               VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  info.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
  VkResult result = context.api().vkCreateBuffer(context.device(), &info,
                                                 nullptr, &buffer.buffer);
  if (result != VK_SUCCESS)
    return buffer.refuse(resultText(result), purpose);
  if (Status status = buffer.allocate(place, purpose); !status.ok())
    return status;
  return buffer;
}

Status VulkanBuffer::allocate(VulkanPlace place, const char *purpose) {
  const VulkanDeviceApi &api = context->api();
  const VulkanPhysicalDevice &physical = context->physical();
  VkMemoryRequirements needs;
  api.vkGetBufferMemoryRequirements(context->device(), buffer, &needs);
  std::optional<uint32_t> type;
  for (VkMemoryPropertyFlags wish : wishes(place))
    if (!type)
      type = findType(physical.memory, needs.memoryTypeBits, wish, needs.size);
  if (!type)
    return refuse("no memory of the device is so large", purpose);
  VkMemoryAllocateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  info.allocationSize = needs.size;
  info.memoryTypeIndex = *type;
  VkResult result =
      api.vkAllocateMemory(context->device(), &info, nullptr, &memory);
  if (result == VK_SUCCESS)
    result = api.vkBindBufferMemory(context->device(), buffer, memory,
                                    /*memoryOffset=*/0);
  VkMemoryPropertyFlags flags =
      physical.memory.memoryTypes[*type].propertyFlags;
  void *address = nullptr;
  bool map = place != VulkanPlace::device && (flags & visible) == visible;
  if (result == VK_SUCCESS && map)
    result = api.vkMapMemory(context->device(), memory, 0, VK_WHOLE_SIZE, 0,
                             &address);
  mapped = static_cast<uint8_t *>(address);
  return result == VK_SUCCESS ? Status() : refuse(resultText(result), purpose);
}

Status VulkanBuffer::refuse(const std::string &reason,
                            const char *purpose) const {
  return Status::error("cannot allocate " + std::to_string(bytes) +
                       " bytes for the " + purpose + " on Vulkan device '" +
                       context->physical().name() + "': " + reason);
}

Expected<VulkanCopier>
VulkanCopier::create(VulkanContext &context,
                     std::initializer_list<const VulkanBuffer *> buffers) {
  VulkanCopier copier(context);
  uint64_t hidden = 0;
  for (const VulkanBuffer *buffer : buffers)
    if (!buffer->data())
      hidden = std::max(hidden, buffer->size());
  if (hidden == 0)
    return copier;
  Expected<VulkanBuffer> staging =
      VulkanBuffer::create(context, std::min(hidden, stagingBytes),
                           VulkanPlace::host, "staging buffer");
  if (!staging.ok())
    return staging.status();
  copier.staging = std::move(*staging);
  Expected<VkCommandBuffer> commands = context.allocateCommands();
  if (!commands.ok())
    return commands.status();
  copier.commands = *commands;
  return copier;
}

/// Runs what `record(commands)` records, between barriers that order it after
/// all programs and before the host.
template <typename Record>
Status VulkanCopier::submit(const char *what, Record record) {
  const VulkanDeviceApi &api = context->api();
  VkCommandBufferBeginInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  VkResult result = api.vkBeginCommandBuffer(commands, &info);
  if (result == VK_SUCCESS) {
    recordBarrier(*context, commands, allAccess, copyAccess);
    record();
    recordBarrier(*context, commands, copyAccess, hostAccess);
    result = api.vkEndCommandBuffer(commands);
  }
  if (result != VK_SUCCESS)
    return context->check(result, what);
  return context->submit(commands, what);
}

Status VulkanCopier::write(const VulkanBuffer &buffer, uint64_t offset,
                           uint64_t size, const void *data, const char *what) {
  if (buffer.data()) {
    std::memcpy(buffer.data() + offset, data, size);
    return Status();
  }
  const auto *from = static_cast<const uint8_t *>(data);
  for (uint64_t done = 0; done < size; done += staging.size()) {
    VkBufferCopy part = {0, offset + done,
                         std::min(staging.size(), size - done)};
    std::memcpy(staging.data(), from + done, part.size);
    Status status = submit(what, [&] {
      context->api().vkCmdCopyBuffer(commands, staging.handle(),
                                     buffer.handle(), 1, &part);
    });
    if (!status.ok())
      return status;
  }
  return Status();
}

Status VulkanCopier::read(const VulkanBuffer &buffer, uint64_t offset,
                          uint64_t size, void *out, const char *what) {
  if (buffer.data()) {
    std::memcpy(out, buffer.data() + offset, size);
    return Status();
  }
  auto *to = static_cast<uint8_t *>(out);
  for (uint64_t done = 0; done < size; done += staging.size()) {
    VkBufferCopy part = {offset + done, 0,
                         std::min(staging.size(), size - done)};
    Status status = submit(what, [&] {
      context->api().vkCmdCopyBuffer(commands, buffer.handle(),
                                     staging.handle(), 1, &part);
    });
    if (!status.ok())
      return status;
    std::memcpy(to + done, staging.data(), part.size);
  }
  return Status();
}

Status VulkanCopier::clear(const VulkanBuffer &buffer, const char *what) {
  if (buffer.data()) {
    std::memset(buffer.data(), 0, buffer.size());
    return Status();
  }
  return submit(what, [&] {
    context->api().vkCmdFillBuffer(commands, buffer.handle(), /*dstOffset=*/0,
                                   VK_WHOLE_SIZE, /*data=*/0);
  });
}
