//===- TableOptions.h - The driver's options as flags -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The options of lib/Driver have one table; tools take all of it, or the part
// that says how a model is read, as flags of LLVM's parser.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_SUPPORT_TABLEOPTIONS_H
#define STERNA_TOOLS_SUPPORT_TABLEOPTIONS_H

#include "sterna/Driver/Options.h"
#include "llvm/Support/CommandLine.h"

#include <deque>

namespace sterna {

class TableOptions {
public:
  /// Makes the options called `names`, or all where there are none, flags of
  /// `category`.
  explicit TableOptions(llvm::cl::OptionCategory &category,
                        llvm::ArrayRef<llvm::StringRef> names = {});

  /// Hands what the command line has of them to the driver.
  llvm::Error apply(CompileOptions &result) const;

private:
  std::deque<std::string> help; // which the parser points to
  std::deque<llvm::cl::opt<bool>> flags;
  std::deque<llvm::cl::list<std::string>> options;
};

} // namespace sterna

#endif // STERNA_TOOLS_SUPPORT_TABLEOPTIONS_H
