//===- sterna-run.cpp - Runs device binaries ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Main of the tool: parses the command line and runs one subcommand. Links
// neither LLVM nor MLIR. With a module appended to it, `sterna-compile
// --emit=exe`, it is that model's program, and no command takes a MODEL.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "ProfileReport.h"
#include "Report.h"
#include "core/Executable.h"
#include "io/File.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

using namespace sterna;

namespace {

constexpr const char *commands =
    "\n"
    "  info      what a device binary holds, its memory plan, its kernels\n"
    "  generate  continue a prompt\n"
    "  train     fine-tune a LoRA adapter\n"
    "  eval      loss and perplexity of a data set\n"
    "  bench     speed of prompt, decoding and training\n"
    "  logits    logits of given tokens, as .npy\n"
    "  run       run a graph with .npy inputs and outputs\n"
    "  grad      gradients of one training sample, as .safetensors\n"
    "  devices   what programs can run on\n";

constexpr const char *compileStep =
    "  sterna-compile model.gguf -o model.stn\n";

constexpr const char *session =
    "  sterna-run info model.stn\n"
    "  sterna-run generate model.stn -p 'Once upon a time' -n 64\n"
    "  sterna-run train model.stn --data chats.jsonl --output tuned\n"
    "  sterna-run generate model.stn -p 'Once upon a time' --adapter tuned\n";

std::string description(const CommonOptions &common) {
  std::string title =
      common.ownModel.empty()
          ? "sterna-run: runs device binaries (.stn) made by sterna-compile.\n"
          : common.program + ": a language model with all that runs it.\n";
  return title + commands;
}

std::string footer(const CommonOptions &common) {
  std::string text = "'sterna-run COMMAND --help' explains a command, with "
                     "examples.\n\nA first session:\n";
  if (common.ownModel.empty())
    text += compileStep;
  return spell(text + session, common);
}

/// Exactly one line, whatever bytes the names in it are.
int fail(const std::string &program, const std::string &message) {
  std::fflush(stdout);
  logLine(program + ": error: " + message);
  return 1;
}

/// Fails where standard output did not take all that was printed: the one check
/// for all commands.
Status flushOutput() {
  errno = 0;
  std::cout.flush(); // the parser prints its help there
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout.good())
    return Status();
  return Status::error(std::string("cannot write to standard output: ") +
                       (errno != 0 ? std::strerror(errno) : "a write failed"));
}

void addOptions(CLI::App &app, CommonOptions &common) {
  app.add_option("--device", common.device.device,
                 "cpu (default), vulkan or vulkan:INDEX: see the command "
                 "devices")
      ->check(
          [](const std::string &name) { return parseDevice(name).message(); });
  addNumber(app, "--threads", common.device.threads,
            "threads of the CPU to compute with (default: as many as this "
            "process may use cores)",
            {1u, 1024u});
  auto readMode = [&common](const std::string &name) {
    Expected<WeightsMode> mode = parseWeightsMode(name);
    if (!mode.ok())
      throw CLI::ValidationError("--weights", mode.status().message());
    common.device.weights = *mode;
  };
  app.add_option_function<std::string>(
      "--weights", readMode,
      "how the CPU has the weights: mapped (default) reads pages of "
      "the file when they are touched, and the system may drop them; "
      "prefetch also asks for the next ones, for models larger than "
      "the memory; resident copies them to memory that stays");
  app.add_flag("--json", common.json,
               "print one JSON object as the last line of standard output");
  app.add_option("--profile", common.profile,
                 "write when each dispatch ran to this file, a Chrome trace, "
                 "and a table by kernel to standard error");
}

void addCommands(CLI::App &app, const CommonOptions &common, Action &action) {
  app.require_subcommand(1);
  addInfoCommand(app, common, action);
  addGenerateCommand(app, common, action);
  addTrainCommand(app, common, action);
  addEvalCommand(app, common, action);
  addBenchCommand(app, common, action);
  addLogitsCommand(app, common, action);
  addGradCommand(app, common, action);
  addRunCommand(app, common, action);
  addDevicesCommand(app, common, action);
}

void printCapacity(const Profile &profile) {
  std::string text = formatText("profile: room for %llu runs",
                                (unsigned long long)profile.capacity());
  if (std::optional<uint32_t> index = profile.largestProgram()) {
    const format::Program &program = profile.program(*index);
    text += formatText(
        " of %s, %u dispatches on %u threads", program.name()->c_str(),
        orEmpty(program.dispatches()).size(), profile.subject().threads);
  }
  logLine(text);
}

/// Makes a profile for `command` if one is wanted. Fails early where it could
/// not be written in the end.
Status prepareProfile(const std::string &command, CommonOptions &common) {
  if (common.profile.empty())
    return Status();
  if (command == "info" || command == "devices")
    return Status::error("'" + command +
                         "' runs no program, so there is nothing to profile: "
                         "leave --profile out");
  if (Status status = checkWritable(common.profile); !status.ok())
    return status;
  common.device.profile = std::make_shared<Profile>(printCapacity);
  return Status();
}

Status reportProfile(const CommonOptions &common) {
  const Profile *profile = common.device.profile.get();
  if (!profile)
    return Status();
  if (Status status = writeTrace(*profile, common.profile); !status.ok())
    return status;
  printKernelTable(*profile);
  logLine(formatText("profile: %zu runs written to ", profile->runs().size()) +
          common.profile);
  if (profile->dropped() > 0)
    logLine(formatText("profile: %llu later runs did not fit; they are neither "
                       "in the trace nor in the table",
                       (unsigned long long)profile->dropped()));
  return Status();
}

/// Runs the command of the arguments; `common.program` is for messages.
Status run(int argc, char **argv, CommonOptions &common) {
  Expected<bool> carries = carriesModule();
  if (!carries.ok() || *carries)
    common.program = argv[0];
  if (!carries.ok())
    return carries.status();
  if (*carries)
    common.ownModel = ownExecutable;
  CLI::App app(description(common), common.program);
  app.footer(footer(common));
  app.set_version_flag("--version", "sterna-run " STERNA_VERSION);
  Action action;
  addOptions(app, common);
  addCommands(app, common, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() != 0)
      return Status::error(std::string(error.what()) + " (see " +
                           common.program + " --help)");
    app.exit(error); // prints --help or --version
    return Status();
  }
  Status status =
      prepareProfile(app.get_subcommands().front()->get_name(), common);
  if (status.ok())
    status = action();
  if (status.ok())
    status = reportProfile(common);
  return status;
}

/// The status that the process exits with.
int exitStatus(int argc, char **argv) {
  CommonOptions common;
  // The runtime throws nothing, but memory for data can run out.
  try {
    Status status = run(argc, argv, common);
    if (status.ok())
      status = flushOutput();
    return status.ok() ? 0 : fail(common.program, status.message());
  } catch (const std::bad_alloc &) {
    return fail(common.program, "there is not enough memory");
  } catch (const std::exception &error) {
    return fail(common.program, error.what());
  }
}

} // namespace

std::string sterna::spell(std::string text, const CommonOptions &common) {
  auto replace = [&](const std::string &from, const std::string &to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
         at += to.size())
      text.replace(at, from.size(), to);
  };
  if (!common.ownModel.empty()) {
    replace(" model.stn", "");
    replace("sterna-run", common.program);
  }
  return text;
}

int main(int argc, char **argv) {
  // A reader that goes away is an error like a full disk, told and cleaned up.
  std::signal(SIGPIPE, SIG_IGN);
  return exitStatus(argc, argv);
}
