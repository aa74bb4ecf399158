//===- Executable.h - Models as programs ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The other product of the link phase: the runtime's executable with the device
// binary appended, so that a model is one file that runs by itself;
// docs/device-binary.md describes it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_EXECUTABLE_EXECUTABLE_H
#define STERNA_TARGET_EXECUTABLE_EXECUTABLE_H

#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "llvm/Support/MemoryBuffer.h"

namespace sterna {

/// The bytes of the runtime's executable in `folder`: `sterna-run`, or where
/// the compiler's machine is none of `architectures`, `sterna-run-` and the
/// first of them. Fails if it is not there, is no executable, carries a model
/// already, or runs on none of `architectures`, names as in a triple; none
/// means any.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
openRuntime(llvm::StringRef folder,
            llvm::ArrayRef<llvm::StringRef> architectures);

/// Writes an executable of `runtime`, bytes that openRuntime accepted, and of
/// the device binary that writeDeviceBinary makes of the rest. The file appears
/// whole or not at all.
llvm::Expected<LinkReport> writeExecutable(llvm::MemoryBufferRef runtime,
                                           mlir::ModuleOp module,
                                           llvm::ArrayRef<PlanCode> plans,
                                           llvm::StringRef path);

} // namespace sterna

#endif // STERNA_TARGET_EXECUTABLE_EXECUTABLE_H
