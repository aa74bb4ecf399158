//===- Link.h - The phase that leaves no IR ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_LINK_H
#define STERNA_LIB_DRIVER_LINK_H

#include "sterna/Driver/Compiler.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/Target.h"
#include "llvm/Support/MemoryBuffer.h"

namespace sterna {

/// Checks, before anything is computed, that what the options ask for can be
/// made for `targets` and that the outputs can be written. Returns the runtime
/// of an executable, null for any other product.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
prepareLink(const CompileOptions &options,
            llvm::ArrayRef<plan::TargetAttr> targets);

/// Generates the code of `plans`, the plans of `module`, and writes the
/// product; an executable with `runtime`.
llvm::Expected<LinkReport> link(mlir::ModuleOp module,
                                llvm::ArrayRef<TargetPlan> plans,
                                const CompileOptions &options,
                                const llvm::MemoryBuffer *runtime,
                                const Progress &progress);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_LINK_H
