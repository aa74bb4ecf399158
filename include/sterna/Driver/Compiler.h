//===- Compiler.h - From a model to a device binary -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sterna-compile does, for programs: imports, runs the phases, links.
// Prints nothing and keeps no state between two compilations, of which a
// process runs one at a time: another waits.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DRIVER_COMPILER_H
#define STERNA_DRIVER_COMPILER_H

#include "mlir/Pass/PassManager.h"
#include "sterna/Driver/Options.h"
#include "sterna/Support/Progress.h"

namespace sterna {

/// How much a message matters.
enum class Severity {
  Error,  ///< one for each compilation that fails
  Note,   ///< about the error before
  Notice, ///< what the user should know of and may ignore
  Report  ///< figures: the memory plan, the speed of packing
};

/// Who is told what; each may be empty. Called on the thread of compile().
struct CompileListener {
  std::function<void(Severity, llvm::StringRef message)> message;
  Progress progress;
  /// Sets up the pass manager of each phase: printing, timing.
  std::function<void(mlir::PassManager &)> configure;
};

/// Compiles as `options` say. Fails after exactly one message of severity
/// Error; nothing is left of what it began to write.
mlir::LogicalResult compile(const CompileOptions &options,
                            const CompileListener &listener);

/// Runs `pipeline`, in the textual form of sterna-opt's --pass-pipeline or
/// names of passes with commas, over the module that `text` is, and returns its
/// text. Fails after one message of severity Error.
mlir::FailureOr<std::string> runPasses(llvm::StringRef text,
                                       llvm::StringRef pipeline,
                                       const CompileListener &listener);

} // namespace sterna

#endif // STERNA_DRIVER_COMPILER_H
