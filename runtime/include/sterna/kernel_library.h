//===- kernel_library.h - ABI between emitted kernels and the runtime -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one header that the compiler's code generator and the runtime share.
// It has no dependencies, so that a static build can include it from C.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_KERNEL_LIBRARY_H
#define STERNA_KERNEL_LIBRARY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Rises with every change of this header that old code would misread.
#define STERNA_KERNEL_LIBRARY_VERSION 2u

/// Name of the single symbol a kernel library exports: a function of type
/// `sterna_kernel_library_query_fn_t`.
#define STERNA_KERNEL_LIBRARY_QUERY "sterna_kernel_library_query"

/// Runs workgroups [begin, end) of a kernel. `bindings[i]` points at the i-th
/// buffer of the dispatch. Workgroups of one dispatch may run in any order and
/// on any thread. `scratch` is memory for this call alone, as many bytes as the
/// module's metadata says for the kernel, aligned to 64; beside it a kernel
/// takes less than 64 KiB of the stack.
typedef void (*sterna_kernel_fn_t)(void *const *bindings, uint32_t begin,
                                   uint32_t end, void *scratch);

/// Table of kernels, in the order of the module's metadata.
typedef struct sterna_kernel_library_t {
  uint32_t version;
  uint32_t count;
  const sterna_kernel_fn_t *kernels;
} sterna_kernel_library_t;

typedef const sterna_kernel_library_t *(*sterna_kernel_library_query_fn_t)(
    void);

/// Kernels of one instruction level, linked into a program.
typedef struct sterna_linked_kernels_t {
  const char *target; // as the module's metadata names it
  const sterna_kernel_library_t *library;
} sterna_linked_kernels_t;

/// The code of a module, linked into a program: what an object written by
/// `sterna-compile --emit=obj` exports.
typedef struct sterna_linked_code_t {
  uint32_t version; // STERNA_KERNEL_LIBRARY_VERSION
  uint32_t count;
  uint64_t id; // the module's metadata names it too
  const sterna_linked_kernels_t *levels;
} sterna_linked_code_t;

#ifdef __cplusplus
static_assert(sizeof(sterna_kernel_library_t) == 16, "ABI");
static_assert(sizeof(sterna_linked_kernels_t) == 16, "ABI");
static_assert(sizeof(sterna_linked_code_t) == 24, "ABI");
}
#endif

#endif // STERNA_KERNEL_LIBRARY_H
