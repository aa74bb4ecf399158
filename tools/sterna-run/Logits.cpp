//===- Logits.cpp - sterna-run logits -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the logits of given tokens as a NumPy array, for comparisons.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "io/Npy.h"

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::string inputIds; // as given
  std::string output;
  std::string adapter;
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run logits model.stn --input-ids 1,403,407 -o logits.npy\n"
    "  sterna-run logits model.stn --input-ids 1,403 -o tuned.npy "
    "--adapter tuned\n"
    "\n"
    "Row t of the f32 array [T, vocabulary] holds the logits after token t.\n"
    "Ids are used as given: no BOS token is added.\n";

void describe(CLI::App &command, Options &options) {
  command
      .add_option("--input-ids", options.inputIds,
                  "token ids, separated by commas")
      ->required();
  command.add_option("-o,--output", options.output, "file to write (.npy)")
      ->required();
  command.add_option("--adapter", options.adapter, "folder of a PEFT adapter");
}

/// The ids in a list such as "1,403,407".
Expected<std::vector<int32_t>> parseIds(const std::string &list) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    std::string item = list.substr(begin, end - begin);
    int32_t id = 0;
    if (!readNumber(item, notNegative<int32_t>(), id))
      return Status::error("--input-ids: expected token ids, separated by "
                           "commas, but got '" +
                           excerpt(item) + "' as number " +
                           std::to_string(ids.size() + 1));
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::vector<int32_t>> ids = parseIds(options.inputIds);
  if (!ids.ok())
    return ids.status();
  Expected<std::shared_ptr<const Module>> module =
      loadLanguageModel(options.model);
  if (!module.ok())
    return module.status();
  Expected<PreparedModel> prepared =
      prepareModel(*module, options.adapter, common.device);
  if (!prepared.ok())
    return prepared.status();
  LanguageModel &model = *prepared->model;
  uint64_t vocabulary = model.vocabulary();
  std::vector<float> logits;
  Status status = model.appendWithLogits(
      ids->data(), uint32_t(ids->size()), [&](uint32_t, const float *row) {
        logits.insert(logits.end(), row, row + vocabulary);
      });
  if (!status.ok())
    return status;
  status = writeNpy(options.output, {ids->size(), vocabulary}, logits.data());
  if (!status.ok())
    return status;
  if (common.json)
    printJson({{"tokens", ids->size()},
               {"vocabulary", vocabulary},
               {"output", options.output}});
  else
    std::printf("wrote %zu rows of %llu logits to %s\n", ids->size(),
                (unsigned long long)vocabulary, options.output.c_str());
  return Status();
}

} // namespace

void sterna::addLogitsCommand(CLI::App &app, const CommonOptions &common,
                              Action &action) {
  addCommand<Options>(app, common, action, "logits",
                      "Writes the logits of given tokens", footer, describe,
                      run);
}
