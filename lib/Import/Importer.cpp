//===- Importer.cpp - Formats that models come in -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Importer.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/Importer.h"

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace sterna;

static std::vector<std::unique_ptr<Importer>> &registry() {
  static std::vector<std::unique_ptr<Importer>> importers;
  return importers;
}

void sterna::registerImporter(std::unique_ptr<Importer> importer) {
  registry().push_back(std::move(importer));
}

llvm::Expected<ImportedModel>
sterna::importModel(StringRef path, MLIRContext *context,
                    const ImportOptions &options) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return llvm::createStringError(path + ": " + code.message());
  bool isFolder = status.type() == llvm::sys::fs::file_type::directory_file;
  // A pipe or a device may have no end.
  if (!isFolder && status.type() != llvm::sys::fs::file_type::regular_file)
    return llvm::createStringError(path + ": expected a regular file");
  context->getOrLoadDialect<tern::TernDialect>();
  for (const std::unique_ptr<Importer> &importer : registry())
    if (importer->accepts(path)) {
      if (options.isLanguageModel() && !importer->readsGraphs())
        return llvm::createStringError(
            "--tokenizer: expected a graph, but " + path + " is " +
            importer->getDescription() + ", which has its own");
      return importer->read(path, context, options);
    }
  std::string known =
      llvm::join(llvm::map_range(registry(),
                                 [](const std::unique_ptr<Importer> &importer) {
                                   return importer->getDescription();
                                 }),
                 " or ");
  return llvm::createStringError(path + ": expected " + known + ", but it is " +
                                 (isFolder ? "a folder" : "something else"));
}
