//===- Executable.h - A module appended to an executable ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the device binary in a file that `sterna-compile --emit=exe` wrote: the
// runtime's executable, the module, a trailer. Separate from the loader, which
// reads a module alike wherever it lies.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_EXECUTABLE_H
#define STERNA_RUNTIME_CORE_EXECUTABLE_H

#include "io/Status.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sterna {

/// The file of the running program.
constexpr const char *ownExecutable = "/proc/self/exe";

/// Where a module lies in a file.
struct ModuleRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Finds the module appended to the `size` bytes of a file; none if that is no
/// executable of this kind of machine, or ends where an executable does. Fails
/// if it is cut off, and if what follows its end is not a module with an intact
/// trailer.
Expected<std::optional<ModuleRange>> findAppendedModule(const uint8_t *data,
                                                        uint64_t size);

/// Whether the program that runs carries a module. Fails as above.
Expected<bool> carriesModule();

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_EXECUTABLE_H
