//===- Object.h - Models to link into programs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The third product of the link phase: code as an object for the system's
// linker, the rest as a device binary; docs/device-binary.md describes it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_OBJECT_OBJECT_H
#define STERNA_TARGET_OBJECT_OBJECT_H

#include "sterna/Target/CPU/EmitObject.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"

namespace sterna {

/// The symbol that the object at `path` exports: `sterna_NAME_code`, NAME being
/// the file's name without its ending, with `_` for what C does not allow.
std::string linkedSymbol(llvm::StringRef path);

/// The four files that writeObject writes, the device binary last.
std::vector<std::string> objectFiles(llvm::StringRef path);

/// Writes four files, all whole or none at all: the object at `path`, which
/// ends in ".o", and beside it a C header (.h), the device binary that
/// writeDeviceBinary makes of the rest (.stn), and a note on how to build a
/// program with them on `platform` (.txt).
llvm::Expected<LinkReport> writeObject(const cpu::LinkedObject &object,
                                       const cpu::Platform &platform,
                                       mlir::ModuleOp module,
                                       llvm::ArrayRef<PlanCode> plans,
                                       llvm::StringRef path);

} // namespace sterna

#endif // STERNA_TARGET_OBJECT_OBJECT_H
