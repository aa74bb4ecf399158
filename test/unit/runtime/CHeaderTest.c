//===- CHeaderTest.c - The public headers compile as C11 ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API is for C programs; C++ alone would not notice what C lacks.
//
//===----------------------------------------------------------------------===//

#include "sterna/kernel_library.h"
#include "sterna/sterna.h"

_Static_assert(STERNA_STATUS_OK == 0, "success is zero");
_Static_assert(STERNA_STOP_NONE == 0, "a zeroed piece goes on");
_Static_assert(offsetof(sterna_step_t, size) == 0, "sizes come first");
_Static_assert(sizeof(sterna_kernel_library_t) == 16, "ABI");
