//===- sterna-opt.cpp - Runs passes on IR ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-opt with Sterna's dialects, passes and phases. A plugin that cannot be
// loaded is an error here: mlir-opt goes on without it, and so would a test.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "sterna/InitAll.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

/// The values of option `name` among `arguments`, in either of its spellings.
static SmallVector<StringRef> valuesOf(StringRef name,
                                       ArrayRef<const char *> arguments) {
  SmallVector<StringRef> values;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "--")
      break;
    if (!argument.consume_front("--"))
      argument.consume_front("-");
    if (!argument.consume_front(name))
      continue;
    if (argument.consume_front("="))
      values.push_back(argument);
    else if (argument.empty() && i + 1 < arguments.size())
      values.push_back(arguments[++i]);
  }
  return values;
}

/// Loads each plugin of kind `Plugin` that option `name` names. It stays
/// loaded.
template <typename Plugin>
static Error load(StringRef name, ArrayRef<const char *> arguments) {
  for (StringRef file : valuesOf(name, arguments))
    if (Error error = Plugin::load(file.str()).takeError())
      return createStringError("--" + name + ": " + toString(std::move(error)));
  return Error::success();
}

int main(int argc, char **argv) {
  BumpPtrAllocator memory;
  StringSaver saver(memory);
  SmallVector<const char *> arguments(argv, argv + argc);
  cl::ExpandResponseFiles(saver, cl::TokenizeGNUCommandLine, arguments);
  Error error = load<mlir::PassPlugin>("load-pass-plugin", arguments);
  if (!error)
    error = load<mlir::DialectPlugin>("load-dialect-plugin", arguments);
  if (error) {
    WithColor::error(errs()) << toString(std::move(error)) << "\n";
    return EXIT_FAILURE;
  }
  cl::AddExtraVersionPrinter(
      [](raw_ostream &os) { os << "sterna-opt " STERNA_VERSION "\n"; });
  sterna::registerAllPasses();
  mlir::DialectRegistry registry;
  sterna::registerAllDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Sterna pass driver " STERNA_VERSION "\n", registry));
}
