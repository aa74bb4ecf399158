//===- Setup.cpp - From file names to things that run ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Setup.h.
//
//===----------------------------------------------------------------------===//

#include "Setup.h"

#include "Report.h"
#include "text/MakeTokenizer.h"
#include "train/Adapter.h"
#include "train/BatchInputs.h"
#include "train/GraphParameters.h"

using namespace sterna;

Expected<std::shared_ptr<const Module>>
sterna::loadLanguageModel(const std::string &path) {
  Expected<std::shared_ptr<const Module>> module = Module::load(path);
  if (module.ok() && (*module)->isGraph())
    return Status::error("'" + path +
                         "' is a graph and no language model: the command "
                         "'run' runs it");
  return module;
}

void sterna::noteContext(const Module &module, uint64_t tokens,
                         const char *what) {
  uint32_t known = module.model().model_context();
  if (known != 0 && tokens > known)
    logOnce(formatText("%s of %llu tokens, but the model was made for a "
                       "context of %u: what lies beyond may be worse",
                       what, (unsigned long long)tokens, known));
}

Expected<ModelData> sterna::loadData(const Module &module,
                                     const std::string &path,
                                     bool assistantOnlyLoss) {
  uint32_t sequenceLength = module.model().sequence_length();
  noteContext(module, sequenceLength, "sequences");
  std::shared_ptr<const TokenizerInterface> tokenizer;
  if (module.metadata().tokenizer()) {
    Expected<std::shared_ptr<const TokenizerInterface>> made =
        makeTokenizer(module);
    if (!made.ok())
      return made.status();
    tokenizer = *made;
  }
  Expected<ModelData> data =
      loadModelData(module, tokenizer.get(), path, assistantOnlyLoss);
  if (!data.ok())
    return data;
  const Dataset &loaded = data->dataset;
  for (const std::string &notice : loaded.notices)
    logOnce(notice);
  uint64_t sequences = countSequences(module, *data);
  auto count = [](uint64_t number, const char *what) {
    return formatText("%llu %s%s", (unsigned long long)number, what,
                      number == 1 ? "" : "s");
  };
  logLine(formatText("%s: %s, %s in %s of %u tokens, %llu tokens, %llu of them "
                     "scored",
                     path.c_str(), count(loaded.rows, "row").c_str(),
                     count(loaded.samples.size(), "sample").c_str(),
                     count(sequences, "sequence").c_str(), sequenceLength,
                     (unsigned long long)loaded.tokens,
                     (unsigned long long)loaded.trainedTokens));
  if (!isPacked(module) && loaded.samples.size() > 1 &&
      loaded.tokens < sequences * sequenceLength / 2)
    logOnce("more than half of what is computed is padding: a model that is "
            "compiled with --pack takes several samples in a sequence");
  return data;
}

Expected<PreparedModel>
sterna::prepareModel(const std::shared_ptr<const Module> &module,
                     const std::string &adapter, const DeviceOptions &device) {
  bool lora = !adapter.empty();
  PreparedModel prepared;
  Expected<std::unique_ptr<Session>> session =
      Session::create(module, generatePrograms(*module, lora), device);
  if (!session.ok())
    return session.status();
  prepared.session = std::move(*session);
  float scale = 0;
  if (lora) {
    Expected<Adapter> loaded = Adapter::load(*prepared.session, adapter);
    if (!loaded.ok())
      return loaded.status();
    scale = loaded->scale();
  }
  Expected<LanguageModel> model =
      LanguageModel::create(*prepared.session, lora, scale);
  if (!model.ok())
    return model.status();
  prepared.model.emplace(std::move(*model));
  return prepared;
}

Expected<std::unique_ptr<Session>>
sterna::prepareGraph(const std::shared_ptr<const Module> &module,
                     const std::vector<std::string> &names,
                     const std::string &parameters,
                     const DeviceOptions &device) {
  Expected<std::vector<uint32_t>> programs = findPrograms(*module, names);
  if (!programs.ok())
    return programs.status();
  Expected<std::unique_ptr<Session>> session =
      Session::create(module, *programs, device);
  if (!session.ok() || parameters.empty())
    return session;
  if (Status status = loadParameters(**session, parameters); !status.ok())
    return status;
  return session;
}
