//===- KernelLibrary.h - Emitted code, loaded -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the bytes of a code object into callable kernels. Separate because
// loading code from memory is the least portable thing the runtime does.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CPU_KERNELLIBRARY_H
#define STERNA_RUNTIME_CPU_KERNELLIBRARY_H

#include "io/Status.h"
#include "sterna/kernel_library.h"

#include <cstdint>

namespace sterna {

/// Kernels of an emitted shared object, unloaded on destruction, or of the
/// program itself.
class KernelLibrary {
public:
  KernelLibrary(KernelLibrary &&other) noexcept;
  KernelLibrary &operator=(KernelLibrary &&) = delete;
  ~KernelLibrary();

  /// Loads the ELF shared object of `size` bytes at `data`. Fails if the
  /// system refuses it, if its version is not this runtime's, or if it has not
  /// exactly `kernels` kernels.
  static Expected<KernelLibrary> load(const uint8_t *data, uint64_t size,
                                      uint32_t kernels);

  /// The kernels of `library`, which is linked into the program; checked as
  /// above.
  static Expected<KernelLibrary> link(const sterna_kernel_library_t *library,
                                      uint32_t kernels);

  /// The kernel at `index`, below the count given to `load`.
  sterna_kernel_fn_t kernel(uint32_t index) const {
    return library->kernels[index];
  }

private:
  KernelLibrary(int file, void *handle) : file(file), handle(handle) {}

  Status check(uint32_t kernels) const;

  /// Open as long as the object is loaded: loaders know an object by its path,
  /// which has this number, and would take the next one of it for the same.
  int file;
  void *handle; // null if the kernels are the program's
  const sterna_kernel_library_t *library = nullptr;
};

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_KERNELLIBRARY_H
