//===- DeviceBinaryFuzzer.cpp - Device binaries from hostile bytes ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The checksum and the sizes in the header are made right first: a fuzzer does
// not guess them, and whoever means harm computes them.
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"
#include "core/Module.h"

#include <cstring>
#include <string>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace sterna;

namespace {

// Fields of the header, by docs/device-binary.md.
constexpr size_t headerSize = 64, metadataOffset = 16, metadataSize = 24,
                 checksum = 32, fileSize = 40;

uint64_t load(const std::string &bytes, size_t at) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void store(std::string &bytes, size_t at, uint64_t value) {
  std::memcpy(&bytes[at], &value, sizeof value);
}

void mendHeader(std::string &bytes) {
  store(bytes, fileSize, bytes.size());
  uint64_t offset = load(bytes, metadataOffset);
  uint64_t size = load(bytes, metadataSize);
  if (offset <= bytes.size() && size <= bytes.size() - offset)
    store(bytes, checksum, XXH3_64bits(bytes.data() + offset, size));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (size >= headerSize)
    mendHeader(bytes);
  fuzz::InputFile file(bytes.data(), bytes.size());
  auto module = Module::load(file.path());
  if (module.ok())
    (void)(*module)->verifyWeights();
  return 0;
}
