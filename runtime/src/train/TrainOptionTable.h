//===- TrainOptionTable.h - Settings of a training run by name ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one list of what a user can set: the options of sterna-run train, of the
// C API and of bindings are made of it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINOPTIONTABLE_H
#define STERNA_RUNTIME_TRAIN_TRAINOPTIONTABLE_H

#include "train/TrainSettings.h"

#include <functional>

namespace sterna {

struct TrainOption {
  /// As in "learning-rate".
  const char *name;
  /// What stands for the value in --help; empty for a flag, which takes "true"
  /// or "false".
  const char *placeholder;
  const char *help;
  /// Sets it from text. Fails with what was expected, and changes nothing then.
  std::function<Status(TrainSettings &, const std::string &)> set;
};

const std::vector<TrainOption> &trainOptionTable();

/// Sets the option called `name`. Fails, naming it, where there is none or the
/// value is not one of its.
Status setTrainOption(TrainSettings &settings, const std::string &name,
                      const std::string &value);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINOPTIONTABLE_H
