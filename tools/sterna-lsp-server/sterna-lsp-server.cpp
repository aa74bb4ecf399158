//===- sterna-lsp-server.cpp - Editor support for IR ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-lsp-server with Sterna's dialects: an editor that speaks the Language
// Server Protocol then shows definitions, uses and verifier errors in the IR
// of any phase.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Support/LLVM.h"
#include "sterna/InitAll.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "sterna-lsp-server " STERNA_VERSION "\n";
  });
  mlir::DialectRegistry registry;
  sterna::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
