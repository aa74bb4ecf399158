//===- KnownKeys.h - Keys that the importer does not read -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A key of a GGUF file is read by the importer, known to be harmless, or
// refused by name: what is not understood may change what the model computes.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_GGUF_KNOWNKEYS_H
#define STERNA_LIB_IMPORT_GGUF_KNOWNKEYS_H

#include "sterna/Import/GGUF/GGUFFile.h"

namespace sterna {

/// Checks the keys of `file` that nobody has read: fails on the first that is
/// not known, or that has another value than the one that changes nothing.
llvm::Error checkUnreadKeys(const GGUFFile &file, llvm::StringRef architecture);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_KNOWNKEYS_H
