//===- BuildNote.h - How to build a program with a model --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text that goes beside an object. Separate because each system has its own
// way to build programs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_TARGET_OBJECT_BUILDNOTE_H
#define STERNA_LIB_TARGET_OBJECT_BUILDNOTE_H

#include "sterna/Target/CPU/EmitObject.h"

namespace sterna {

/// Writes the note of the object `name`.o for `platform`, which exports
/// `symbol`.
void writeBuildNote(llvm::raw_ostream &out, llvm::StringRef name,
                    llvm::StringRef symbol, const cpu::LinkedObject &object,
                    const cpu::Platform &platform);

} // namespace sterna

#endif // STERNA_LIB_TARGET_OBJECT_BUILDNOTE_H
