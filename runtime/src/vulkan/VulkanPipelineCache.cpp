//===- VulkanPipelineCache.cpp - Compiled kernels, kept in a file ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanPipelineCache.h. The file is a magic, the checksum of what follows,
// and the driver's bytes: drivers compare the device in their own header, but
// few would survive a damaged rest.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanPipelineCache.h"

#include "io/Escape.h"

#include "io/File.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

using namespace sterna;

namespace {

constexpr char magic[9] = "STERNAPC";
constexpr size_t headerBytes = 16;
/// More than any driver writes; what is larger is not ours.
constexpr uint64_t maxFileBytes = 1 << 30;

std::string cacheFolder() {
  // A relative path counts as none, as the XDG specification wants it.
  const char *folder = std::getenv("XDG_CACHE_HOME");
  if (folder && folder[0] == '/')
    return std::string(folder) + "/sterna";
  const char *home = std::getenv("HOME");
  return home && home[0] == '/' ? std::string(home) + "/.cache/sterna" : "";
}

/// Whether the driver's own header names this device and driver.
bool isForDevice(const std::string &blob,
                 const VkPhysicalDeviceProperties &device) {
  VkPipelineCacheHeaderVersionOne header;
  if (blob.size() < sizeof(header))
    return false;
  std::memcpy(&header, blob.data(), sizeof(header));
  return header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         header.vendorID == device.vendorID &&
         header.deviceID == device.deviceID &&
         std::memcmp(header.pipelineCacheUUID, device.pipelineCacheUUID,
                     VK_UUID_SIZE) == 0;
}

/// The driver's bytes in the file at `path`; empty if it is absent or not ours.
std::string readBlob(const std::string &path,
                     const VkPhysicalDeviceProperties &device) {
  Expected<std::string> file = readFile(path, maxFileBytes);
  if (!file.ok() || file->size() < headerBytes ||
      std::memcmp(file->data(), magic, 8) != 0)
    return "";
  uint64_t checksum;
  std::memcpy(&checksum, file->data() + 8, 8);
  std::string blob = file->substr(headerBytes);
  bool sound = XXH3_64bits(blob.data(), blob.size()) == checksum &&
               isForDevice(blob, device);
  return sound ? blob : "";
}

} // namespace

std::string VulkanPipelineCache::path(const VulkanPhysicalDevice &device) {
  std::string folder = cacheFolder();
  if (folder.empty())
    return "";
  const VkPhysicalDeviceProperties &properties = device.properties;
  char name[64];
  std::snprintf(name, sizeof(name), "vulkan-%x-%x-%x-", properties.vendorID,
                properties.deviceID, properties.driverVersion);
  return folder + "/" + name +
         hexadecimal(properties.pipelineCacheUUID, VK_UUID_SIZE) + ".bin";
}

VulkanPipelineCache::VulkanPipelineCache(const VulkanContext &context)
    : context(context) {
  std::string file = path(context.physical());
  std::string blob;
  if (!file.empty())
    blob = readBlob(file, context.physical().properties);
  savedChecksum = XXH3_64bits(blob.data(), blob.size());
  VkPipelineCacheCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  info.initialDataSize = blob.size();
  info.pInitialData = blob.data();
  if (context.api().vkCreatePipelineCache(context.device(), &info, nullptr,
                                          &cache) != VK_SUCCESS)
    cache = VK_NULL_HANDLE;
}

VulkanPipelineCache::~VulkanPipelineCache() {
  context.api().vkDestroyPipelineCache(context.device(), cache, nullptr);
}

void VulkanPipelineCache::save() const {
  std::string file = path(context.physical());
  size_t size = 0;
  if (file.empty() || !cache ||
      context.api().vkGetPipelineCacheData(context.device(), cache, &size,
                                           nullptr) != VK_SUCCESS)
    return;
  std::string bytes(headerBytes + size, '\0');
  if (context.api().vkGetPipelineCacheData(context.device(), cache, &size,
                                           &bytes[headerBytes]) != VK_SUCCESS)
    return;
  bytes.resize(headerBytes + size);
  uint64_t checksum = XXH3_64bits(bytes.data() + headerBytes, size);
  if (checksum == savedChecksum)
    return;
  std::memcpy(bytes.data(), magic, 8);
  std::memcpy(&bytes[8], &checksum, 8);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(),
                                      ignored);
  (void)writeFileAtomically(file, bytes);
}
