//===- TableOptions.cpp - The driver's options as flags -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TableOptions.h.
//
//===----------------------------------------------------------------------===//

#include "TableOptions.h"

#include "llvm/ADT/STLExtras.h"

using namespace sterna;
namespace cl = llvm::cl;

static std::string describe(const OptionInfo &info) {
  std::string text = info.help.str();
  for (const auto &[value, meaning] : info.values)
    text += ("\n  " + value + ": " + meaning).str();
  return text;
}

TableOptions::TableOptions(cl::OptionCategory &category,
                           llvm::ArrayRef<llvm::StringRef> names) {
  for (const OptionInfo &info : getOptionTable()) {
    if (!names.empty() && !llvm::is_contained(names, info.name))
      continue;
    help.push_back(describe(info));
    if (info.isFlag())
      flags.emplace_back(info.name, cl::desc(help.back()), cl::cat(category));
    else
      options.emplace_back(info.name, cl::desc(help.back()),
                           cl::value_desc(info.placeholder), cl::cat(category));
  }
}

llvm::Error TableOptions::apply(CompileOptions &result) const {
  for (const auto &flag : flags)
    if (flag.getNumOccurrences())
      if (llvm::Error error =
              setOption(result, flag.ArgStr, flag ? "true" : "false"))
        return error;
  for (const auto &option : options)
    for (const std::string &value : option)
      if (llvm::Error error = setOption(result, option.ArgStr, value))
        return error;
  return llvm::Error::success();
}
