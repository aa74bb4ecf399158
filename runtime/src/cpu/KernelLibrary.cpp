//===- KernelLibrary.cpp - Emitted code, loaded ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See KernelLibrary.h. The bytes go through an anonymous memory file, so that
// the system's own loader maps and relocates them and debuggers see them.
//
//===----------------------------------------------------------------------===//

#include "cpu/KernelLibrary.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

using namespace sterna;

namespace {

/// Writes all bytes to a memory file; 0, or the system's error number.
int writeAll(int file, const uint8_t *data, uint64_t size) {
  while (size > 0) {
    ssize_t written = write(file, data, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return errno;
    data += written;
    size -= uint64_t(written);
  }
  return 0;
}

struct OpenObject {
  int file;
  void *handle;
};

Expected<OpenObject> openObject(const uint8_t *data, uint64_t size) {
  int file = memfd_create("sterna-kernels", MFD_CLOEXEC);
  if (file < 0)
    return Status::error(
        std::string("cannot load code: the system refuses a memory file: ") +
        std::strerror(errno));
  if (int error = writeAll(file, data, size)) {
    close(file);
    return Status::error(
        std::string("cannot load code: cannot fill a memory file: ") +
        std::strerror(error));
  }
  std::string path = "/proc/self/fd/" + std::to_string(file);
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *message = dlerror();
    close(file);
    return Status::error(std::string("cannot load code: ") +
                         (message ? message : "unknown reason") +
                         "; is /proc mounted and may memory be executed");
  }
  return OpenObject{file, handle};
}

} // namespace

KernelLibrary::KernelLibrary(KernelLibrary &&other) noexcept
    : file(std::exchange(other.file, -1)),
      handle(std::exchange(other.handle, nullptr)), library(other.library) {}

KernelLibrary::~KernelLibrary() {
  if (!handle)
    return;
  dlclose(handle);
  close(file);
}

Expected<KernelLibrary> KernelLibrary::load(const uint8_t *data, uint64_t size,
                                            uint32_t kernels) {
  Expected<OpenObject> object = openObject(data, size);
  if (!object.ok())
    return object.status();
  KernelLibrary result(object->file, object->handle);
  auto query = reinterpret_cast<sterna_kernel_library_query_fn_t>(
      dlsym(object->handle, STERNA_KERNEL_LIBRARY_QUERY));
  if (!query)
    return Status::error("the code lacks its entry point '" +
                         std::string(STERNA_KERNEL_LIBRARY_QUERY) + "'");
  result.library = query();
  if (Status status = result.check(kernels); !status.ok())
    return status;
  return result;
}

Expected<KernelLibrary>
KernelLibrary::link(const sterna_kernel_library_t *library, uint32_t kernels) {
  KernelLibrary result(/*file=*/-1, /*handle=*/nullptr);
  result.library = library;
  if (Status status = result.check(kernels); !status.ok())
    return status;
  return result;
}

Status KernelLibrary::check(uint32_t kernels) const {
  if (!library)
    return Status::error("the code's entry point returns nothing");
  if (library->version != STERNA_KERNEL_LIBRARY_VERSION)
    return Status::error("expected kernel library version " +
                         std::to_string(STERNA_KERNEL_LIBRARY_VERSION) +
                         ", but got " + std::to_string(library->version));
  if (library->count != kernels)
    return Status::error("expected " + std::to_string(kernels) +
                         " kernels in the code, but got " +
                         std::to_string(library->count));
  for (uint32_t i = 0; i < kernels; ++i)
    if (!library->kernels[i])
      return Status::error("kernel " + std::to_string(i) +
                           " is missing in the code");
  return Status();
}
