//===- Setup.h - From file names to things that run -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What several subcommands do first: read the tokenizer and the data, prepare a
// session with or without an adapter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_SETUP_H
#define STERNA_TOOLS_STERNARUN_SETUP_H

#include "generate/LanguageModel.h"
#include "text/Dataset.h"
#include "text/Tokenizer.h"

#include <memory>
#include <optional>
#include <string>

namespace sterna {

/// The tokenizer in a module; fails if it has none.
Expected<Tokenizer> makeTokenizer(const Module &module);

/// Says on standard error that `tokens` are more than the model was made for,
/// where they are; `what` has so many of them.
void noteContext(const Module &module, uint64_t tokens, const char *what);

/// A data set and the token that pads it.
struct Data {
  Dataset dataset;
  int32_t padToken = 0;
};

/// Loads `path` in windows of the compiled sequence length, and logs what
/// happened to its rows.
Expected<Data> loadData(const Module &module, const std::string &path,
                        bool assistantOnlyLoss);

/// A session that can generate, and its language model.
struct Generator {
  std::unique_ptr<Session> session;
  std::optional<LanguageModel> model;
};

/// Prepares the forward programs of `module` on `device`, with the adapter in
/// the folder `adapter` unless that is empty.
Expected<Generator> prepareGenerator(std::shared_ptr<const Module> module,
                                     const std::string &adapter,
                                     const DeviceOptions &device);

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_SETUP_H
