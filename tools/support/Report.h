//===- Report.h - What tools say to people ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A failure is one line that begins with the tool's name and "error:", whoever
// found it: a library or LLVM's parser of options.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_SUPPORT_REPORT_H
#define STERNA_TOOLS_SUPPORT_REPORT_H

#include "sterna/Support/Progress.h"
#include "llvm/ADT/Twine.h"

#include <string>

namespace sterna {

/// Says what the tool is called. Call first.
void setToolName(llvm::StringRef name);

/// Prints the line of a failure. Returns EXIT_FAILURE.
int fail(const llvm::Twine &message);

/// Prints a line that the user should know of and may ignore.
void notice(const llvm::Twine &message);

/// Prints a line about the failure before.
void note(const llvm::Twine &message);

/// Prints a line of figures as it is.
void report(const llvm::Twine &message);

/// Prints each step to standard error, and its time once it has ended.
Progress printProgress();

/// Lets what LLVM gives up on, such as a disk that is full while lld writes,
/// end in that line, and without temporary files, instead of an abort.
void installErrorHandler();

/// Parses the command line. Returns what is wrong with it, in one line, or an
/// empty string. Exits after --help and --version.
std::string parseCommandLine(int argc, char **argv, llvm::StringRef overview);

} // namespace sterna

#endif // STERNA_TOOLS_SUPPORT_REPORT_H
