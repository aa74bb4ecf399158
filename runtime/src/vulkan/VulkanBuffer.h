//===- VulkanBuffer.h - Memory of a Vulkan device -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A buffer with memory of its own: one for each space, and one through which
// bytes travel to memory that the host cannot see.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_VULKAN_VULKANBUFFER_H
#define STERNA_RUNTIME_VULKAN_VULKANBUFFER_H

#include "vulkan/VulkanContext.h"

#include <cstdint>

namespace sterna {

/// Where a buffer lies.
enum class VulkanPlace {
  /// The device's own memory, reached by copies.
  device,
  /// The device's own memory, which the host sees too where that is possible.
  shared,
  /// Memory that the host sees, without flushes.
  host
};

/// Where the device works best on what the host seldom touches. The visible
/// part of a discrete device's memory may be a small window.
VulkanPlace placeFor(const VulkanPhysicalDevice &device);

/// A storage buffer, freed on destruction; movable. Must not outlive its
/// context.
class VulkanBuffer {
public:
  VulkanBuffer() = default;
  VulkanBuffer(VulkanBuffer &&other) noexcept;
  VulkanBuffer &operator=(VulkanBuffer &&other) noexcept;
  ~VulkanBuffer();

  /// Allocates `bytes`, rounded up to whole words and at least one. `purpose`
  /// ("weights", ...) names the memory in errors, with the bytes that are
  /// missing.
  static Expected<VulkanBuffer> create(const VulkanContext &context,
                                       uint64_t bytes, VulkanPlace place,
                                       const char *purpose);

  VkBuffer handle() const { return buffer; }
  /// Bytes, a multiple of 4.
  uint64_t size() const { return bytes; }
  /// Where the host sees it; null if it does not.
  uint8_t *data() const { return mapped; }

private:
  Status allocate(VulkanPlace place, const char *purpose);
  Status refuse(const std::string &reason, const char *purpose) const;

  const VulkanContext *context = nullptr;
  VkBuffer buffer = VK_NULL_HANDLE;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  uint64_t bytes = 0;
  uint8_t *mapped = nullptr;
};

/// Copies bytes between the host and buffers, whether the host sees them or
/// not. Waits for each copy. Must not outlive its context.
class VulkanCopier {
public:
  /// Prepares for `buffers`: if the host sees them all, nothing is allocated.
  static Expected<VulkanCopier>
  create(VulkanContext &context,
         std::initializer_list<const VulkanBuffer *> buffers);

  /// Copies `size` bytes to (from) `offset` of a buffer. Earlier programs must
  /// have ended. `what` names the copy in an error: "writing the state".
  Status write(const VulkanBuffer &buffer, uint64_t offset, uint64_t size,
               const void *data, const char *what);
  Status read(const VulkanBuffer &buffer, uint64_t offset, uint64_t size,
              void *out, const char *what);

  /// Fills a buffer with zeroes.
  Status clear(const VulkanBuffer &buffer, const char *what);

private:
  explicit VulkanCopier(VulkanContext &context) : context(&context) {}
  template <typename Record> Status submit(const char *what, Record record);

  VulkanContext *context;
  VulkanBuffer staging;
  VkCommandBuffer commands = VK_NULL_HANDLE;
};

} // namespace sterna

#endif // STERNA_RUNTIME_VULKAN_VULKANBUFFER_H
