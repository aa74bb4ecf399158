//===- ImportONNX.cpp - Graphs from ONNX files ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph becomes the program "main".
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/ONNX/ImportONNX.h"

#include "GraphBuilder.h"

using namespace mlir;
using namespace sterna;

namespace {

class ONNXImporter : public Importer {
public:
  StringRef getDescription() const override { return "a model of ONNX"; }

  bool accepts(StringRef path) const override {
    return OnnxFile::accepts(path);
  }

  llvm::Expected<ImportedModel>
  read(StringRef path, MLIRContext *context,
       const ImportOptions &options) const override {
    auto file = OnnxFile::open(path);
    if (!file)
      return file.takeError();
    // The builder emits what it does not understand; as an error it is one.
    std::string message;
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      if (message.empty())
        message = diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> module =
        GraphBuilder(context, *file, options).build();
    if (!module)
      return llvm::createStringError(message);
    return ImportedModel(std::move(module));
  }
};

} // namespace

std::unique_ptr<Importer> sterna::createONNXImporter() {
  return std::make_unique<ONNXImporter>();
}
