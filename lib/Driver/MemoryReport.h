//===- MemoryReport.h - A plan's memory as a picture ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program has in its arena, launch by launch: a rectangle for each
// tensor, from the first launch that touches it to the last, at its place.
// Separate from the table of MemoryPlan.h because it follows each buffer.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_MEMORYREPORT_H
#define STERNA_LIB_DRIVER_MEMORYREPORT_H

#include "sterna/Target/Target.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Writes the memory of `plans`, after the phase schedule, to `path`: a page
/// with all programs where it ends in .html; where it ends in .svg, the picture
/// of the first plan's training program, else of its largest. Both need no
/// other file; a browser names the tensor under the pointer.
llvm::Error writeMemoryReport(llvm::ArrayRef<TargetPlan> plans,
                              llvm::StringRef title, llvm::StringRef path);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_MEMORYREPORT_H
