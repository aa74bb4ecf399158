//===- ImportGGUF.h - Models from GGUF files ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer of GGUF; docs/import.md says what it takes and refuses.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_GGUF_IMPORTGGUF_H
#define STERNA_IMPORT_GGUF_IMPORTGGUF_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

namespace sterna {

struct ImportOptions {
  ActivationType activations = ActivationType::Model;
  /// Make latent float matrices ternary by absmean instead of refusing them.
  bool quantizeAbsmean = false;
};

/// Reads the description of the model at `path`. Weights are scanned for their
/// scales, a few rows at a time, and stay in the file. Fails with the key or
/// tensor that is missing, of an unexpected shape, or not ternary.
llvm::Expected<ModelDescription> importGGUF(llvm::StringRef path,
                                            mlir::MLIRContext *context,
                                            const ImportOptions &options);

} // namespace sterna

#endif // STERNA_IMPORT_GGUF_IMPORTGGUF_H
