//===- sterna-compile.cpp - From a model to a device binary ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of lib/Driver.
//
//===----------------------------------------------------------------------===//

#include "../support/Report.h"
#include "../support/TableOptions.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "sterna/Driver/Compiler.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

#include <csignal>

using namespace mlir;
using namespace sterna;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("Options");

cl::opt<std::string> inputPath(cl::Positional, cl::desc("MODEL"),
                               cl::cat(category));
cl::opt<std::string>
    outputPath("o",
               cl::desc("Where to write: the device binary, the executable "
                        "with --emit=exe, the object with --emit=obj, or the "
                        "IR with --compile-to ('-' is standard output)"),
               cl::value_desc("MODEL.stn"), cl::init("-"), cl::cat(category));

void tell(Severity severity, StringRef message) {
  switch (severity) {
  case Severity::Error:
    fail(message);
    return;
  case Severity::Note:
    note(message);
    return;
  case Severity::Notice:
    notice(message);
    return;
  case Severity::Report:
    report(message);
    return;
  }
}

/// The folder that this program lies in.
std::string ownFolder(const char *argv0) {
  void *address = reinterpret_cast<void *>(&ownFolder);
  return llvm::sys::path::parent_path(
             llvm::sys::fs::getMainExecutable(argv0, address))
      .str();
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  setToolName("sterna-compile");
  // A reader that goes away is an error like a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  installErrorHandler();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "sterna-compile " STERNA_VERSION "\n";
  });
  TableOptions table(category);
  // LLVM and MLIR have a thousand of their own; they still work.
  cl::HideUnrelatedOptions(category);
  std::string problem = parseCommandLine(
      argc, argv,
      "Compiles a ternary language model to a device binary that generates "
      "text\nand fine-tunes LoRA adapters, or a graph of ONNX to one that "
      "'sterna-run run'\nruns.\n\n"
      "  sterna-compile model.gguf -o model.stn\n"
      "  sterna-compile bitnet-b1.58-2B-4T -o model.stn\n"
      "  sterna-compile model.gguf -o model.stn --seq-len=256 --lora-rank=16\n"
      "  sterna-compile model.gguf --emit=exe -o model\n"
      "  sterna-compile model.gguf --emit=obj --target=aarch64-apple-ios "
      "-o model.o\n"
      "  sterna-compile model.gguf --compile-to=schedule -o plan.mlir\n"
      "  sterna-compile plan.mlir -o model.stn\n"
      "  sterna-compile decoder.onnx -o decoder.stn --tokenizer=folder\n"
      "  sterna-compile graph.onnx -o graph.stn --dim=batch=1\n");
  if (!problem.empty())
    return fail(problem);
  CompileOptions options;
  options.input = inputPath;
  options.output = outputPath;
  options.runtimeFolder = ownFolder(argv[0]);
  if (llvm::Error error = table.apply(options))
    return fail(llvm::toString(std::move(error)));
  CompileListener listener;
  listener.message = tell;
  listener.progress = printProgress();
  listener.configure = [](PassManager &manager) {
    (void)applyPassManagerCLOptions(manager);
  };
  return succeeded(compile(options, listener)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
