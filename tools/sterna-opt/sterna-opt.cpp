//===- sterna-opt.cpp - Runs passes on IR ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-opt with Sterna's dialects, passes and phases.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "sterna/InitAll.h"
#include "llvm/Support/CommandLine.h"

int main(int argc, char **argv) {
  llvm::cl::AddExtraVersionPrinter(
      [](llvm::raw_ostream &os) { os << "sterna-opt " STERNA_VERSION "\n"; });
  sterna::registerAllPasses();
  mlir::DialectRegistry registry;
  sterna::registerAllDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Sterna pass driver " STERNA_VERSION "\n", registry));
}
