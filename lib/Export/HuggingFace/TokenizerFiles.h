//===- TokenizerFiles.h - Files of a checkpoint's tokenizer -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tokenizer.json and what lies beside it: copied where the model was read from
// a folder, else made from its vocabulary.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_HUGGINGFACE_TOKENIZERFILES_H
#define STERNA_LIB_EXPORT_HUGGINGFACE_TOKENIZERFILES_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace sterna {

/// A file of a folder and what it holds.
struct FolderFile {
  std::string name;
  std::string text;
};

/// The names of all such files.
llvm::ArrayRef<llvm::StringLiteral> getTokenizerFileNames();

/// The files of `model`, which was read from `source`. Fails where those that
/// are made would not give the vocabulary back.
llvm::Expected<std::vector<FolderFile>>
makeTokenizerFiles(const ModelDescription &model, llvm::StringRef source);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_HUGGINGFACE_TOKENIZERFILES_H
