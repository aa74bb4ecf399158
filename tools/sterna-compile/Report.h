//===- Report.h - What the compiler says to people --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A failure is one line that begins with "sterna-compile: error:", whoever
// found it: the driver, a pass or LLVM's parser of options.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNA_COMPILE_REPORT_H
#define STERNA_TOOLS_STERNA_COMPILE_REPORT_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/Twine.h"

#include <string>
#include <vector>

namespace sterna {

/// Prints the line of a failure. Returns EXIT_FAILURE.
int fail(const llvm::Twine &message);

/// Prints a line that the user should know of and may ignore.
void notice(const llvm::Twine &message);

/// Lets what LLVM gives up on, such as a disk that is full while lld writes,
/// end in that line, and without temporary files, instead of an abort.
void installErrorHandler();

/// Collects what passes find wrong, to be told in one line after the step that
/// found it. Warnings and remarks are printed at once.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context);

  /// Prints the first error with its notes and the number of the others, or
  /// `otherwise` if there is none. Returns EXIT_FAILURE.
  int fail(const llvm::Twine &otherwise) const;

private:
  mlir::LogicalResult take(mlir::Diagnostic &diagnostic);

  std::string first;
  std::vector<std::string> notes; // of the first
  unsigned others = 0;
  mlir::ScopedDiagnosticHandler handler;
};

/// Parses the command line. Returns what is wrong with it, in one line, or an
/// empty string. Exits after --help and --version.
std::string parseCommandLine(int argc, char **argv, llvm::StringRef overview);

} // namespace sterna

#endif // STERNA_TOOLS_STERNA_COMPILE_REPORT_H
