//===- RunPasses.cpp - Passes over a module's text ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sterna-opt does, for programs: see Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "Diagnostics.h"
#include "ProcessMutex.h"
#include "sterna/InitAll.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace sterna;

FailureOr<std::string> sterna::runPasses(StringRef text, StringRef pipeline,
                                         const CompileListener &listener) {
  std::lock_guard<std::mutex> lock(getProcessMutex());
  static const bool areRegistered = (registerAllPasses(), true);
  (void)areRegistered;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  Diagnostics diagnostics(&context, listener);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, &context, "text");
  if (!module)
    return diagnostics.fail("expected a module");
  PassManager manager(&context);
  if (listener.configure)
    listener.configure(manager);
  std::string reason;
  llvm::raw_string_ostream reasons(reason);
  if (failed(parsePassPipeline(pipeline, manager, reasons)))
    return diagnostics.fail("'" + pipeline + "': " + StringRef(reason).trim());
  if (failed(manager.run(*module)))
    return diagnostics.fail("the passes failed");
  std::string result;
  llvm::raw_string_ostream(result) << *module;
  return result;
}
