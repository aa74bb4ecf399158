//===- ImportONNX.cpp - Graphs from ONNX files ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph becomes the program "main" or, with a tokenizer, a language model.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/ONNX/ImportONNX.h"

#include "../GGUF/ImportTokenizer.h"
#include "../HuggingFace/ImportTokenizer.h"
#include "Decoder/DescribeDecoder.h"
#include "GraphBuilder.h"
#include "sterna/Import/GGUF/GGUFFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna;

/// The vocabulary in a folder or tokenizer.json of Hugging Face, or in a GGUF
/// file.
static llvm::Expected<TokenizerDescription> readTokenizer(StringRef path,
                                                          int64_t rows) {
  if (llvm::sys::path::filename(path) == "tokenizer.json")
    path = llvm::sys::path::parent_path(path);
  if (llvm::sys::fs::is_directory(path.empty() ? "." : path))
    return importCheckpointTokenizer(path.empty() ? "." : path, rows);
  if (!path.ends_with(".gguf"))
    return llvm::createStringError("--tokenizer=" + path +
                                   ": expected tokenizer.json, its folder, or "
                                   "a GGUF file");
  auto file = GGUFFile::open(path);
  if (!file)
    return file.takeError();
  return importTokenizer(*file, rows);
}

namespace {

class ONNXImporter : public Importer {
public:
  StringRef getDescription() const override { return "a model of ONNX"; }

  bool readsGraphs() const override { return true; }

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
    if (!options.isLanguageModel())
      return ImportedModel(std::move(module));
    auto model = describeDecoder(*module, path, options);
    if (!model)
      return model.takeError();
    auto tokenizer = readTokenizer(options.tokenizer, model->vocabulary);
    if (!tokenizer)
      return tokenizer.takeError();
    model->tokenizer = std::move(*tokenizer);
    return ImportedModel(std::move(*model));
  }
};

} // namespace

std::unique_ptr<Importer> sterna::createONNXImporter() {
  return std::make_unique<ONNXImporter>();
}
