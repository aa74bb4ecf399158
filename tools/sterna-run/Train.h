//===- Train.h - What training runs have in common --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The options of the command train, and the loop with its progress, for
// language models (Train.cpp) and graphs (TrainGraph.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_TRAIN_H
#define STERNA_TOOLS_STERNARUN_TRAIN_H

#include "Command.h"
#include "Report.h"
#include "io/File.h"
#include "train/TrainSettings.h"

namespace sterna {

struct TrainCommand {
  std::string model;
  std::string data;
  std::string output;
  bool overwrite = false;
  std::string validation;
  double validationSplit = 0;
  TrainSettings settings;
  double loraAlpha = 0; // 0: 16, or as the adapter given says
  bool assistantOnlyLoss = false;
  std::string adapter;
  std::string parameters;
};

/// Makes the output folder, in which `files` will be written. Fails early if
/// they could not be. The folder that this creates goes with a run that fails.
Expected<OutputFolder> prepareOutput(const TrainCommand &options,
                                     std::initializer_list<const char *> files);

/// What a run did, for its summary.
struct Totals {
  uint64_t steps = 0;
  double firstLoss = 0;
  double lastLoss = 0;
  uint64_t tokens = 0;   // that are not padding; of a graph, rows
  uint64_t computed = 0; // the same with padding
  double seconds = 0;
  std::vector<double> losses;

  double perSecond(uint64_t count) const {
    return seconds > 0 ? double(count) / seconds : 0;
  }
};

/// Runs all steps of `trainer`, reporting each; `unit` is what it counts,
/// "tokens".
Expected<Totals> runSteps(Trainer &trainer, uint64_t steps, const char *unit);

/// Tells the user what a run did, as JSON or by `print`, with its memory.
Status report(const Session &session, Expected<Json> summary,
              const CommonOptions &common,
              const std::function<void(const Json &)> &print);

/// Trains the graph that `module` is.
Status trainGraph(const std::shared_ptr<const Module> &module,
                  const TrainCommand &options, const CommonOptions &common);

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_TRAIN_H
