//===- Mapping.h - Owned memory mappings ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two ways the runtime obtains memory: a file mapped read-only, and zeroed
// anonymous pages. Both are lazy: a page costs memory only once it is touched,
// so the resident size of a process is what its programs use. Separate because
// it is the only place that asks the system for memory.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_MAPPING_H
#define STERNA_RUNTIME_CORE_MAPPING_H

#include "io/Status.h"

#include <cstdint>
#include <string>

namespace sterna {

/// A range of mapped pages, unmapped on destruction. Movable, not copyable.
class Mapping {
public:
  Mapping() = default;
  Mapping(Mapping &&other) noexcept;
  Mapping &operator=(Mapping &&other) noexcept;
  ~Mapping();

  /// Maps all of `path` read-only and private. Fails if the file cannot be
  /// opened, is not a regular file or is empty.
  static Expected<Mapping> openFile(const std::string &path);

  /// Maps `size` bytes of zeroes. `purpose` ("arena", ...) names the memory in
  /// the error. A size of 0 gives an empty mapping.
  static Expected<Mapping> allocate(uint64_t size, const char *purpose);

  uint8_t *data() { return base; }
  const uint8_t *data() const { return base; }
  /// Size in bytes as asked for, not rounded up to pages.
  uint64_t size() const { return bytes; }

private:
  Mapping(uint8_t *base, uint64_t bytes) : base(base), bytes(bytes) {}

  uint8_t *base = nullptr;
  uint64_t bytes = 0;
};

/// Asks the system for pages of the largest size it has, of which a processor
/// needs to look up fewer.
void useHugePages(Mapping &mapping);

/// Lets nobody write to `mapping`.
void protect(Mapping &mapping);

/// Asks the system to read mapped pages of a file soon, without waiting.
void askForPages(const uint8_t *data, uint64_t size);

/// Gives up mapped pages of a file, which are read again when touched. The
/// pages that `data` and its end lie in may stay.
void dropPages(const uint8_t *data, uint64_t size);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_MAPPING_H
