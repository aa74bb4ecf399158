//===- ModuleVerifier.h - Checks of a device binary -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What must hold in a device binary before anything in it is used. The checks
// find damage; a file holds native code, so they cannot make a malicious one
// safe. Separate from the loader because it is a list of facts, not a process.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_MODULEVERIFIER_H
#define STERNA_RUNTIME_CORE_MODULEVERIFIER_H

#include "io/Status.h"
#include "module_generated.h"

#include <cstdint>

namespace sterna {

/// Where the metadata lies in the file.
struct MetadataRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Checks the 64-byte header of the `size` bytes at `data` and the checksum of
/// the metadata.
Expected<MetadataRange> verifyHeader(const uint8_t *data, uint64_t size);

/// Checks everything that the metadata says about the file: code and weights
/// inside it, the checksums of code, and each binding, field and tensor inside
/// its space. The FlatBuffers verifier must have accepted `module`.
Status verifyModule(const format::Module &module, const uint8_t *data,
                    uint64_t size);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_MODULEVERIFIER_H
