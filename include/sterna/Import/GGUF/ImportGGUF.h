//===- ImportGGUF.h - Models from GGUF files ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer of GGUF; docs/import.md says what it takes and refuses.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_GGUF_IMPORTGGUF_H
#define STERNA_IMPORT_GGUF_IMPORTGGUF_H

#include "sterna/Import/Importer.h"

namespace sterna {

/// The importer of GGUF files, versions 2 and 3.
std::unique_ptr<Importer> createGGUFImporter();

} // namespace sterna

#endif // STERNA_IMPORT_GGUF_IMPORTGGUF_H
