//===- Setup.h - From file names to things that run -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What several subcommands do first: read the data, prepare a session with or
// without an adapter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_SETUP_H
#define STERNA_TOOLS_STERNARUN_SETUP_H

#include "generate/LanguageModel.h"
#include "train/ModelData.h"

#include <memory>
#include <optional>
#include <string>

namespace sterna {

/// Loads a language model. Fails as Module::load does, and for a graph.
Expected<std::shared_ptr<const Module>>
loadLanguageModel(const std::string &path);

/// Says on standard error that `tokens` are more than the model was made for,
/// where they are; `what` has so many of them.
void noteContext(const Module &module, uint64_t tokens, const char *what);

/// Loads `path` in windows of the compiled sequence length, and logs what
/// happened to its rows.
Expected<ModelData> loadData(const Module &module, const std::string &path,
                             bool assistantOnlyLoss);

/// A session that can generate, and its language model.
struct PreparedModel {
  std::unique_ptr<Session> session;
  std::optional<LanguageModel> model;
};

/// Prepares the forward programs of `module` on `device`, with the adapter in
/// the folder `adapter` unless that is empty.
Expected<PreparedModel>
prepareModel(const std::shared_ptr<const Module> &module,
             const std::string &adapter, const DeviceOptions &device);

/// A session for the programs `names` of a graph, with the trained parameters
/// in the file or folder `parameters` unless that is empty.
Expected<std::unique_ptr<Session>>
prepareGraph(const std::shared_ptr<const Module> &module,
             const std::vector<std::string> &names,
             const std::string &parameters, const DeviceOptions &device);

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_SETUP_H
