//===- Diagnostics.h - Errors of passes as messages -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_DIAGNOSTICS_H
#define STERNA_LIB_DRIVER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "sterna/Driver/Compiler.h"

namespace sterna {

/// Collects what passes find wrong, to be told as one error after the step that
/// found it. Warnings and remarks are passed on at once.
class Diagnostics {
public:
  Diagnostics(mlir::MLIRContext *context, const CompileListener &listener);

  /// Tells the first error with its notes and the number of the others, or
  /// `otherwise` if there is none.
  mlir::LogicalResult fail(const llvm::Twine &otherwise) const;

  /// The same, with the message of `error`.
  mlir::LogicalResult fail(llvm::Error error) const {
    return fail(llvm::toString(std::move(error)));
  }

  void tell(Severity severity, const llvm::Twine &message) const;

private:
  mlir::LogicalResult take(mlir::Diagnostic &diagnostic);

  const CompileListener &listener;
  std::string first;
  std::vector<std::string> notes; // of the first
  unsigned others = 0;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace sterna

#endif // STERNA_LIB_DRIVER_DIAGNOSTICS_H
