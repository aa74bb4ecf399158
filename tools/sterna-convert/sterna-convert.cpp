//===- sterna-convert.cpp - From one format of models to another ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of lib/Export.
//
//===----------------------------------------------------------------------===//

#include "../support/Report.h"
#include "../support/TableOptions.h"

#include "sterna/Export/Convert.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace sterna;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("Options");

cl::opt<std::string> inputPath(cl::Positional, cl::desc("MODEL"),
                               cl::cat(category));
cl::opt<std::string> outputPath(cl::Positional, cl::desc("OUT"),
                                cl::cat(category));
cl::opt<std::string> format("format",
                            cl::desc("What to write: gguf or safetensors, a "
                                     "folder; by default gguf where OUT ends "
                                     "in .gguf"),
                            cl::value_desc("FORMAT"), cl::cat(category));
cl::opt<std::string>
    type("type",
         cl::desc("How linears are stored. In GGUF: tq2_0 (default), tq1_0,\n"
                  "i2_s, q2_0, pq2_0, ptq1_0, f16, bf16, f32; in folders:\n"
                  "packed (default), f16, bf16, f32"),
         cl::value_desc("TYPE"), cl::cat(category));
/// How models are read is said as to the compiler.
constexpr llvm::StringRef importNames[] = {
    "activations", "quantize", "weight-scale", "i2s-layout", "tokenizer"};

llvm::Expected<ConvertOptions> readOptions(const TableOptions &table) {
  CompileOptions compile;
  if (llvm::Error error = table.apply(compile))
    return std::move(error);
  ConvertOptions options;
  options.input = inputPath;
  options.output = outputPath;
  options.format = format;
  options.type = type;
  options.import = getImportOptions(compile);
  options.progress = printProgress();
  options.notice = [](llvm::StringRef message) { notice(message); };
  return options;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  setToolName("sterna-convert");
  installErrorHandler();
  TableOptions table(category, importNames);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "sterna-convert " STERNA_VERSION "\n";
  });
  cl::HideUnrelatedOptions(category);
  std::string problem = parseCommandLine(
      argc, argv,
      "Writes a ternary language model in another format. Nothing is "
      "rounded:\nwhat the format cannot hold is an error.\n\n"
      "  sterna-convert bitnet-b1.58-2B-4T model.gguf\n"
      "  sterna-convert bitnet-b1.58-2B-4T model.gguf --type=i2_s\n"
      "  sterna-convert model.gguf folder\n"
      "  sterna-convert model.gguf folder --type=bf16 --activations=float\n"
      "  sterna-convert decoder.onnx model.gguf --tokenizer=folder\n");
  if (!problem.empty())
    return fail(problem);
  if (inputPath.empty() || outputPath.empty())
    return fail("expected MODEL and OUT; see --help");
  auto options = readOptions(table);
  if (!options)
    return fail(llvm::toString(options.takeError()));
  if (llvm::Error error = convertModel(*options))
    return fail(llvm::toString(std::move(error)));
  return EXIT_SUCCESS;
}
