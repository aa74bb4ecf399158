//===- OnnxFuzzer.cpp - Graphs from hostile bytes -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/ONNX/ImportONNX.h"
#include "sterna/Import/ONNX/Passes.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

using namespace sterna;

/// As the phase import does.
static void raise(mlir::ModuleOp graph) {
  mlir::PassManager manager(graph.getContext());
  buildRaisingPipeline(manager);
  (void)manager.run(graph);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::InputFile file(data, size);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<tern::TernDialect>();
  ImportOptions graph, language;
  graph.dimensions["n"] = 3;
  language.tokenizer = "none"; // which is read last
  language.tokens = 40;
  for (const ImportOptions &options : {graph, language}) {
    auto model = createONNXImporter()->read(file.path(), &context, options);
    if (!model)
      llvm::consumeError(model.takeError());
    else if (auto *module =
                 std::get_if<mlir::OwningOpRef<mlir::ModuleOp>>(&*model))
      raise(**module);
  }
  return 0;
}
