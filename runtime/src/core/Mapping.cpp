//===- Mapping.cpp - Owned memory mappings --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Mapping.h.
//
//===----------------------------------------------------------------------===//

#include "core/Mapping.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace sterna;

namespace {

/// Closes a file descriptor at the end of its scope.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0)
      close(value);
  }
};

Status systemError(const std::string &what) {
  return Status::error(what + ": " + std::strerror(errno));
}

} // namespace

Mapping::Mapping(Mapping &&other) noexcept
    : base(std::exchange(other.base, nullptr)),
      bytes(std::exchange(other.bytes, 0)) {}

Mapping &Mapping::operator=(Mapping &&other) noexcept {
  std::swap(base, other.base);
  std::swap(bytes, other.bytes);
  return *this;
}

Mapping::~Mapping() {
  if (base)
    munmap(base, bytes);
}

Expected<Mapping> Mapping::openFile(const std::string &path) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  Descriptor file{open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (file.value < 0)
    return systemError("cannot open '" + path + "'");
  struct stat status;
  if (fstat(file.value, &status) != 0)
    return systemError("cannot read the size of '" + path + "'");
  if (!S_ISREG(status.st_mode))
    return Status::error("'" + path + "' is not a regular file");
  if (status.st_size == 0)
    return Status::error("'" + path + "' is empty");
  uint64_t size = uint64_t(status.st_size);
  void *base =
      mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, /*offset=*/0);
  if (base == MAP_FAILED)
    return systemError("cannot map '" + path + "'");
  return Mapping(static_cast<uint8_t *>(base), size);
}

Expected<Mapping> Mapping::allocate(uint64_t size, const char *purpose) {
  if (size == 0)
    return Mapping();
  void *base = MAP_FAILED;
  // Beyond half of the address space no mapping can succeed, and rounding up
  // to pages could overflow.
  if (size > UINT64_MAX / 2)
    errno = ENOMEM;
  else
    base = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0);
  if (base == MAP_FAILED)
    return systemError("cannot allocate " + std::to_string(size) +
                       " bytes for the " + purpose);
  return Mapping(static_cast<uint8_t *>(base), size);
}

/// The whole pages of a range grown (`inside` false) or shrunk to their bounds.
static void advise(const uint8_t *data, uint64_t size, int advice,
                   bool inside) {
  uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t begin = reinterpret_cast<uintptr_t>(data);
  uint64_t end = begin + size;
  begin = (begin + (inside ? page - 1 : 0)) / page * page;
  end = (end + (inside ? 0 : page - 1)) / page * page;
  // What the system makes of it changes no result.
  if (begin < end)
    (void)madvise(reinterpret_cast<void *>(begin), end - begin, advice);
}

void sterna::useHugePages(Mapping &mapping) {
#ifdef MADV_HUGEPAGE
  advise(mapping.data(), mapping.size(), MADV_HUGEPAGE, /*inside=*/true);
#endif
}

void sterna::protect(Mapping &mapping) {
  if (mapping.size() > 0)
    (void)mprotect(mapping.data(), mapping.size(), PROT_READ);
}

void sterna::askForPages(const uint8_t *data, uint64_t size) {
  advise(data, size, MADV_WILLNEED, /*inside=*/false);
}

void sterna::dropPages(const uint8_t *data, uint64_t size) {
  advise(data, size, MADV_DONTNEED, /*inside=*/true);
}
