//===- Command.h - The subcommands of sterna-run --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a subcommand joins the tool: it adds its options and help to the parser
// and leaves an action that main runs after parsing. One file per subcommand.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_COMMAND_H
#define STERNA_TOOLS_STERNARUN_COMMAND_H

#include "NumberOption.h"
#include "core/Device.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>

namespace sterna {

/// Options of every subcommand, and what they run.
struct CommonOptions {
  DeviceOptions device;
  bool json = false;
  /// Where to write a trace; empty: no profile is taken.
  std::string profile;
  /// How this program is called.
  std::string program = "sterna-run";
  /// The model that it carries; empty if commands take one as an argument.
  std::string ownModel;
};

/// `text`, which speaks of `sterna-run COMMAND model.stn`, as the user of this
/// program must type it.
std::string spell(std::string text, const CommonOptions &common);

/// What the chosen subcommand does.
using Action = std::function<Status()>;

/// Each adds one subcommand to `app`. `common` and `action` must outlive the
/// parser; `action` is set when the subcommand is chosen.
void addInfoCommand(CLI::App &app, const CommonOptions &common, Action &action);
void addLogitsCommand(CLI::App &app, const CommonOptions &common,
                      Action &action);
void addGenerateCommand(CLI::App &app, const CommonOptions &common,
                        Action &action);
void addEvalCommand(CLI::App &app, const CommonOptions &common, Action &action);
void addGradCommand(CLI::App &app, const CommonOptions &common, Action &action);
void addRunCommand(CLI::App &app, const CommonOptions &common, Action &action);
void addTrainCommand(CLI::App &app, const CommonOptions &common,
                     Action &action);
void addBenchCommand(CLI::App &app, const CommonOptions &common,
                     Action &action);
void addDevicesCommand(CLI::App &app, const CommonOptions &common,
                       Action &action);

/// Whether an options struct has a member `model`.
template <typename Options, typename = void>
struct TakesModel : std::false_type {};
template <typename Options>
struct TakesModel<Options, std::void_t<decltype(Options::model)>>
    : std::true_type {};

/// Adds the subcommand `name` with the options struct `Options` and the
/// function that runs it. `describe` adds its options, bound to the struct,
/// apart from the argument for its member `model`.
template <typename Options>
void addCommand(CLI::App &app, const CommonOptions &common, Action &action,
                const char *name, const char *title, const char *footer,
                void (*describe)(CLI::App &, Options &),
                Status (*run)(const Options &, const CommonOptions &)) {
  CLI::App *command = app.add_subcommand(name, title);
  command->fallthrough();
  command->footer(
      spell(std::string(footer) +
                "\n--device, --threads, --weights, --profile and --json "
                "work here too: see\nsterna-run --help.\n",
            common));
  auto options = std::make_shared<Options>();
  if constexpr (TakesModel<Options>::value) {
    if (common.ownModel.empty())
      command
          ->add_option("MODEL", options->model,
                       "device binary (.stn), or an executable with one")
          ->required();
    else
      options->model = common.ownModel;
  }
  describe(*command, *options);
  command->callback([options, run, &common, &action] {
    action = [options, run, &common] { return run(*options, common); };
  });
}

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_COMMAND_H
