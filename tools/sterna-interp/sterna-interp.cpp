//===- sterna-interp.cpp - Runs a function of any phase's IR --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Command line of the interpreter: IR and .npy files in, .npy files out.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "sterna/InitAll.h"
#include "sterna/Interpreter/Interpreter.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;

static cl::opt<std::string> inputFile(cl::Positional, cl::Required,
                                      cl::desc("FILE.mlir"));
static cl::opt<std::string> functionName("function", cl::Required,
                                         cl::desc("Function or program to run"),
                                         cl::value_desc("name"));
static cl::list<std::string> inputs("input",
                                    cl::desc("Argument or input, in order"),
                                    cl::value_desc("file.npy"));
static cl::list<std::string>
    outputs("output",
            cl::desc("Where to write a result, in order; those of a "
                     "program are its outputs, then state that it writes"),
            cl::value_desc("file.npy"));
static cl::list<std::string>
    params("param",
           cl::desc("Elements of a tern.param that is read, or of "
                    "a plan.state; by default they are those of "
                    "its source, or zeros"),
           cl::value_desc("name=file.npy"));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

static llvm::Error readArrays(std::vector<sterna::Array> &arrays,
                              std::map<std::string, sterna::Array> &named) {
  for (const std::string &path : inputs) {
    llvm::Expected<sterna::Array> array = sterna::readArray(path);
    if (!array)
      return array.takeError();
    arrays.push_back(std::move(*array));
  }
  for (llvm::StringRef param : params) {
    auto [name, path] = param.rsplit('=');
    llvm::Expected<sterna::Array> array = sterna::readArray(path);
    if (!array)
      return array.takeError();
    named[name.str()] = std::move(*array);
  }
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::SetVersionPrinter([](llvm::raw_ostream &out) {
    out << "sterna-interp " STERNA_VERSION "\n";
  });
  sterna::registerAllPasses();
  cl::ParseCommandLineOptions(
      argc, argv,
      "Runs a function or program of any phase's IR on .npy "
      "arrays\n");
  mlir::DialectRegistry registry;
  sterna::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(
      inputFile, sources, mlir::ParserConfig(&context));
  if (!module)
    return 1;

  std::vector<sterna::Array> arrays;
  std::map<std::string, sterna::Array> named;
  if (llvm::Error error = readArrays(arrays, named))
    return fail(llvm::toString(std::move(error)));
  auto results = sterna::interpret(*module, functionName, arrays, named);
  if (failed(results))
    return 1;
  if (outputs.size() > results->size())
    return fail("expected at most " + llvm::Twine(results->size()) +
                " outputs, but got " + llvm::Twine(outputs.size()));
  for (auto [path, array] : llvm::zip(outputs, *results))
    if (llvm::Error error = sterna::writeArray(path, array))
      return fail(llvm::toString(std::move(error)));
  return 0;
}
