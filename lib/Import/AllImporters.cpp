//===- AllImporters.cpp - The list of importers ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place of the compiler where a new importer is named.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/ImportGGUF.h"
#include "sterna/Import/HuggingFace/ImportHuggingFace.h"
#include "sterna/Import/Importer.h"
#include "sterna/Import/ONNX/ImportONNX.h"

#include <mutex>

void sterna::registerAllImporters() {
  static std::once_flag once;
  std::call_once(once, [] {
    registerImporter(createGGUFImporter());
    registerImporter(createHuggingFaceImporter());
    registerImporter(createONNXImporter());
  });
}
