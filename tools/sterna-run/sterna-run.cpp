//===- sterna-run.cpp - Runs device binaries ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Main of the tool: parses the command line and runs one subcommand. Links
// neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include <cstdio>
#include <exception>

using namespace sterna;

namespace {

constexpr const char *description =
    "sterna-run: runs device binaries (.stn) made by sterna-compile.\n"
    "\n"
    "  info      what a device binary holds, its memory plan, its kernels\n"
    "  generate  continue a prompt\n"
    "  train     fine-tune a LoRA adapter\n"
    "  eval      loss and perplexity of a data set\n"
    "  bench     speed of prompt, decoding and training\n"
    "  logits    logits of given tokens, as .npy\n"
    "  grad      gradients of one training sample, as .safetensors\n"
    "  devices   what programs can run on\n";

constexpr const char *footer =
    "'sterna-run COMMAND --help' explains a command, with examples.\n"
    "\n"
    "A first session:\n"
    "  sterna-compile model.gguf -o model.stn\n"
    "  sterna-run info model.stn\n"
    "  sterna-run generate model.stn -p 'Once upon a time' -n 64\n"
    "  sterna-run train model.stn --data chats.jsonl --output tuned\n"
    "  sterna-run generate model.stn -p 'Once upon a time' --adapter tuned\n";

int fail(const std::string &message) {
  std::fflush(stdout);
  std::fprintf(stderr, "sterna-run: error: %s\n", message.c_str());
  return 1;
}

int run(int argc, char **argv) {
  CLI::App app(description, "sterna-run");
  app.footer(footer);
  app.set_version_flag("--version", "sterna-run " STERNA_VERSION);
  app.require_subcommand(1);
  CommonOptions common;
  app.add_option("--device", common.device.device,
                 "cpu (default), vulkan or vulkan:INDEX: see sterna-run "
                 "devices")
      ->check(
          [](const std::string &name) { return parseDevice(name).message(); });
  app.add_option("--threads", common.device.threads,
                 "threads of the CPU to compute with (default: all cores)")
      ->check(CLI::Range(1u, 1024u));
  app.add_flag("--json", common.json,
               "print one JSON object as the last line of standard output");
  Action action;
  addInfoCommand(app, common, action);
  addGenerateCommand(app, common, action);
  addTrainCommand(app, common, action);
  addEvalCommand(app, common, action);
  addBenchCommand(app, common, action);
  addLogitsCommand(app, common, action);
  addGradCommand(app, common, action);
  addDevicesCommand(app, common, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // --help and --version
    return fail(std::string(error.what()) + " (see sterna-run --help)");
  }
  if (Status status = action(); !status.ok())
    return fail(status.message());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  // The runtime throws nothing, but memory for data can run out.
  try {
    return run(argc, argv);
  } catch (const std::exception &error) {
    return fail(error.what());
  }
}
