//===- executable_trailer.h - How an executable carries a module ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last bytes of a file that `sterna-compile --emit=exe` writes, described
// in docs/device-binary.md. The compiler writes them, the runtime reads them;
// the header has no dependencies, so that both can include it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_EXECUTABLE_TRAILER_H
#define STERNA_EXECUTABLE_TRAILER_H

#include <stdint.h>

/// The magic, the very last bytes, stays the same in all versions.
#define STERNA_EXECUTABLE_MAGIC "STERNEXE"
#define STERNA_EXECUTABLE_MAGIC_SIZE 8

/// Rises with every change of the trailer that old code would misread.
#define STERNA_EXECUTABLE_VERSION 1u

/// Where the module starts: a multiple of this, counted from the file's start.
#define STERNA_EXECUTABLE_ALIGNMENT 4096u

/// The trailer, little-endian, directly after the module.
typedef struct sterna_executable_trailer_t {
  uint64_t offset; /* of the module, in bytes from the file's start */
  uint64_t size;   /* of the module, in bytes */
  uint32_t reserved;
  uint32_t version;
  char magic[STERNA_EXECUTABLE_MAGIC_SIZE];
} sterna_executable_trailer_t;

#ifdef __cplusplus
static_assert(sizeof(sterna_executable_trailer_t) == 32, "file format");
#endif

#endif // STERNA_EXECUTABLE_TRAILER_H
