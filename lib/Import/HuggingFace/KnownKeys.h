//===- KnownKeys.h - Keys of config.json that change nothing ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of docs/import.md.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_KNOWNKEYS_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_KNOWNKEYS_H

#include "Config.h"

namespace sterna {

/// Keys that the importer does not read, with the values that change nothing.
llvm::ArrayRef<HarmlessKey> getHarmlessConfigKeys();

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_KNOWNKEYS_H
