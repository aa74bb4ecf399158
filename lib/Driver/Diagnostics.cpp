//===- Diagnostics.cpp - Errors of passes as messages ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Diagnostics.h.
//
//===----------------------------------------------------------------------===//

#include "Diagnostics.h"

using namespace mlir;
using namespace sterna;

Diagnostics::Diagnostics(MLIRContext *context, const CompileListener &listener)
    : listener(listener),
      handler(context, [this](Diagnostic &d) { return take(d); }) {}

void Diagnostics::tell(Severity severity, const Twine &message) const {
  if (listener.message)
    listener.message(severity, message.str());
}

LogicalResult Diagnostics::take(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error) {
    tell(Severity::Notice, diagnostic.str());
    return success();
  }
  if (!first.empty()) {
    ++others;
    return success();
  }
  first = diagnostic.str();
  // Where in a file of IR, or in a model.
  if (auto file = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    first = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
             Twine(file.getColumn()) + ": " + first)
                .str();
  else if (auto part = diagnostic.getLocation()->findInstanceOf<NameLoc>())
    first += " (in '" + part.getName().str() + "')";
  for (Diagnostic &note : diagnostic.getNotes())
    notes.push_back(note.str());
  return success();
}

LogicalResult Diagnostics::fail(const Twine &otherwise) const {
  if (first.empty()) {
    tell(Severity::Error, otherwise);
    return failure();
  }
  std::string more =
      others ? " (the first of " + std::to_string(others + 1) + " errors)" : "";
  tell(Severity::Error, first + more);
  for (const std::string &note : notes)
    tell(Severity::Note, note);
  return failure();
}
