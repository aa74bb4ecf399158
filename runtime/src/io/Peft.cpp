//===- Peft.cpp - LoRA adapters as PEFT stores them -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two files behind Peft.h: which settings are understood, which are
// harmless, and how tensor names are made and taken apart.
//
//===----------------------------------------------------------------------===//

#include "io/Peft.h"

#include "io/Escape.h"
#include "io/File.h"
#include "io/Json.h"
#include "io/Safetensors.h"
#include "io/Text.h"
#include "module_generated.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

using namespace sterna;

namespace {

using Json = nlohmann::json;

constexpr uint64_t maxConfigSize = 1 << 24;
constexpr uint32_t maxRank = 65536;

/// A value of target_modules for all of them.
constexpr std::string_view allLinear = "all-linear";

constexpr std::string_view namePrefix = "base_model.model.model.layers.";

/// Settings that say how an adapter was made or found but not what it computes.
constexpr std::string_view harmlessKeys[] = {
    "arrow_config",        "auto_mapping",   "corda_config",
    "ensure_weight_tying", "eva_config",     "inference_mode",
    "loftq_config",        "lora_dropout",   "lora_ga_config",
    "megatron_core",       "peft_version",   "revision",
    "qalora_group_size",   "runtime_config", "task_type",
};

/// Ways of initialising that leave the base model as it is. Others (PiSSA,
/// OLoRA, ...) change its weights, so their adapters fit another base.
constexpr std::string_view plainInitialisations[] = {"gaussian", "eva",
                                                     "orthogonal"};

/// True for what PEFT writes when a setting is off.
bool isOff(const Json &value) {
  return value.is_null() || value == false ||
         (value.is_structured() && value.empty()) || value == "";
}

std::string_view blockOf(std::string_view target) {
  return target == "gate_proj" || target == "up_proj" || target == "down_proj"
             ? "mlp"
             : "self_attn";
}

/// Removes `prefix` from the front of `text`; false when it is not there.
bool consume(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct MatrixName {
  uint32_t layer = 0;
  size_t target = 0; // index into loraTargets()
  char matrix = 'A'; // or 'B'
};

/// The inverse of peftTensorName; false for any other name.
bool parseName(std::string_view name, MatrixName &result) {
  if (!consume(name, namePrefix))
    return false;
  size_t digits = 0;
  result.layer = 0;
  while (digits < name.size() && digits < 6 && name[digits] >= '0' &&
         name[digits] <= '9')
    result.layer =
        result.layer * 10 + static_cast<uint32_t>(name[digits++] - '0');
  // One spelling per layer, so that no two names mean the same matrix.
  if (digits == 0 || (digits > 1 && name[0] == '0'))
    return false;
  name.remove_prefix(digits);
  for (size_t i = 0; i < loraTargets().size(); ++i) {
    const std::string &target = loraTargets()[i];
    std::string_view rest = name;
    if (!consume(rest, ".") || !consume(rest, blockOf(target)) ||
        !consume(rest, ".") || !consume(rest, target))
      continue;
    result.target = i;
    if (consume(rest, ".lora_A"))
      result.matrix = 'A';
    else if (consume(rest, ".lora_B"))
      result.matrix = 'B';
    else
      return false;
    return rest == ".weight" || rest == ".default.weight";
  }
  return false;
}

Status badSetting(const std::string &path, const std::string &key,
                  const std::string &expected, const Json &actual) {
  // A damaged file may hold anything here: show its beginning only.
  std::string shown =
      excerpt(actual.dump(-1, ' ', true, Json::error_handler_t::replace));
  return Status::error("'" + path + "': expected " + key + " to be " +
                       expected + ", but got " + shown);
}

Status parseNames(const std::string &path, const std::string &key,
                  const Json &value, std::vector<std::string> &names) {
  if (!value.is_array())
    return badSetting(path, key,
                      "a list of names (patterns are not supported: list the "
                      "modules that the file adapts)",
                      value);
  for (const Json &item : value) {
    if (!item.is_string())
      return badSetting(path, key, "a list of names", value);
    names.push_back(item.get<std::string>());
  }
  return Status::success();
}

Status parseTargets(const std::string &path, const Json &value,
                    std::vector<std::string> &targets) {
  if (value == allLinear) {
    targets.push_back(value.get<std::string>());
    return Status::success();
  }
  if (value.is_array() && value.empty())
    return badSetting(path, "target_modules", "one name or more", value);
  return parseNames(path, "target_modules", value, targets);
}

/// One layer, or a list of them.
Status parseLayers(const std::string &path, const Json &value,
                   std::vector<uint32_t> &layers) {
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json &item : list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > UINT32_MAX)
      return badSetting(path, "layers_to_transform",
                        "a layer or a list of layers", value);
    layers.push_back(static_cast<uint32_t>(item.get<uint64_t>()));
  }
  return Status::success();
}

/// Takes one setting into `config`, or refuses it.
Status parseSetting(const std::string &path, const std::string &key,
                    const Json &value, PeftConfig &config) {
  if (key == "peft_type")
    return value == "LORA" ? Status::success()
                           : badSetting(path, key, "\"LORA\"", value);
  if (key == "r") {
    if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 ||
        value.get<uint64_t>() > maxRank)
      return badSetting(path, key, "a whole number from 1 to 65536", value);
    config.rank = static_cast<uint32_t>(value.get<uint64_t>());
    return Status::success();
  }
  if (key == "lora_alpha") {
    if (!value.is_number())
      return badSetting(path, key, "a number", value);
    config.alpha = value.get<double>();
    return Status::success();
  }
  if (key == "exclude_modules" && !isOff(value))
    return parseNames(path, key, value, config.excludedModules);
  if (key == "layers_to_transform" && !isOff(value))
    return parseLayers(path, value, config.layers);
  if (key == "layers_pattern" && !isOff(value))
    return value == "layers" || value == Json::array({"layers"})
               ? Status::success()
               : badSetting(path, key, "\"layers\"", value);
  if (key == "target_modules")
    return parseTargets(path, value, config.targetModules);
  if (key == "use_rslora") {
    if (!value.is_boolean() && !value.is_null())
      return badSetting(path, key, "true or false", value);
    config.useRslora = value == true;
    return Status::success();
  }
  if (key == "bias")
    return value == "none" ? Status::success()
                           : badSetting(path, key, "\"none\"", value);
  if (key == "base_model_name_or_path") {
    if (value.is_string())
      config.baseModel = value.get<std::string>();
    return Status::success();
  }
  if (key == "init_lora_weights") {
    if (isOff(value) || value == true ||
        (value.is_string() &&
         contains(plainInitialisations, value.get_ref<const std::string &>())))
      return Status::success();
    return badSetting(path, key,
                      "one that keeps the base model's weights (true, false, "
                      "\"gaussian\", \"eva\", \"orthogonal\")",
                      value);
  }
  if (contains(harmlessKeys, key) || isOff(value))
    return Status::success();
  return badSetting(path, key, "off, as it is not supported", value);
}

Expected<PeftConfig> readConfig(const std::string &path) {
  Expected<std::string> text = readFile(path, maxConfigSize);
  if (!text.ok())
    return text.status();
  Expected<Json> json = parseJson(*text);
  if (!json.ok())
    return Status::error("'" + path + "', " + json.message());
  if (!json->is_object())
    return Status::error("'" + path + "' is not a JSON object");
  for (const char *key : {"peft_type", "r", "lora_alpha", "target_modules"})
    if (!json->contains(key))
      return Status::error("'" + path + "': expected the key " +
                           std::string(key) + ", but it is missing");
  PeftConfig config;
  for (const auto &item : json->items())
    if (Status status = parseSetting(path, item.key(), item.value(), config);
        !status.ok())
      return status;
  // The programs take the scale as f32.
  if (!std::isfinite(static_cast<float>(config.scale())))
    return badSetting(path, "lora_alpha", "a number whose scale is finite",
                      (*json)["lora_alpha"]);
  return config;
}

/// Whether PEFT takes `module` for one that `name` means: the whole name, or
/// its last parts.
bool isNamed(const std::string &module, const std::string &name) {
  std::string ending = "." + name;
  return module == name || (module.size() > ending.size() &&
                            module.compare(module.size() - ending.size(),
                                           ending.size(), ending) == 0);
}

/// Whether the settings of `config` choose the linear, as PEFT reads them.
bool isChosen(const PeftConfig &config, const MatrixName &name) {
  const std::string &target = loraTargets()[name.target];
  std::string module = "model.layers." + std::to_string(name.layer) + "." +
                       std::string(blockOf(target)) + "." + target;
  auto named = [&](const std::string &item) { return isNamed(module, item); };
  auto anyOf = [&](const std::vector<std::string> &names) {
    return std::any_of(names.begin(), names.end(), named);
  };
  if (anyOf(config.excludedModules))
    return false;
  if (!config.layers.empty() && !contains(config.layers, name.layer))
    return false;
  return contains(config.targetModules, allLinear) ||
         anyOf(config.targetModules);
}

/// Fails on the first element that is not a number.
Status checkFinite(const std::string &path, const NamedTensor &tensor) {
  auto bad = std::find_if(tensor.data.begin(), tensor.data.end(),
                          [](float value) { return !std::isfinite(value); });
  if (bad == tensor.data.end())
    return Status::success();
  return Status::error("'" + path + "': expected finite numbers in '" +
                       tensor.name + "', but got " + std::to_string(*bad) +
                       " at index " +
                       std::to_string(bad - tensor.data.begin()));
}

/// A and B of one linear while they are collected; index 0 is A.
using MatrixPair = std::array<NamedTensor *, 2>;

Expected<LoraPair> makePair(const std::string &path, uint32_t layer,
                            size_t target, uint32_t rank,
                            const MatrixPair &matrices) {
  for (size_t i = 0; i < 2; ++i)
    if (!matrices[i])
      return Status::error(
          "'" + path + "': '" + matrices[1 - i]->name +
          "' lacks its other half, '" +
          peftTensorName(layer, loraTargets()[target], i == 0 ? 'A' : 'B') +
          "'");
  for (size_t i = 0; i < 2; ++i) {
    const NamedTensor &tensor = *matrices[i];
    if (tensor.shape.size() != 2 || tensor.shape[i] != rank)
      return Status::error("'" + path + "': expected '" + tensor.name +
                           "' to be a matrix with " + std::to_string(rank) +
                           (i == 0 ? " rows" : " columns") +
                           ", the rank in adapter_config.json, but got another "
                           "shape");
  }
  LoraPair pair;
  pair.layer = layer;
  pair.target = loraTargets()[target];
  pair.in = matrices[0]->shape[1];
  pair.out = matrices[1]->shape[0];
  pair.a = std::move(matrices[0]->data);
  pair.b = std::move(matrices[1]->data);
  return pair;
}

} // namespace

double PeftConfig::scale() const {
  return useRslora ? alpha / std::sqrt(static_cast<double>(rank))
                   : alpha / static_cast<double>(rank);
}

const std::vector<std::string> &sterna::loraTargets() {
  static const std::vector<std::string> targets(
      format::EnumNamesProjection(),
      format::EnumNamesProjection() +
          std::size(format::EnumValuesProjection()));
  return targets;
}

std::string sterna::peftTensorName(uint32_t layer, const std::string &target,
                                   char matrix) {
  return std::string(namePrefix) + std::to_string(layer) + "." +
         std::string(blockOf(target)) + "." + target + ".lora_" + matrix +
         ".weight";
}

Expected<PeftAdapter> sterna::readPeft(const std::string &directory) {
  Expected<PeftConfig> config = readConfig(directory + "/adapter_config.json");
  if (!config.ok())
    return config.status();
  std::string path = directory + "/adapter_model.safetensors";
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(path);
  if (!tensors.ok())
    return tensors.status();
  return assemblePeft(path, std::move(*config), std::move(*tensors));
}

Expected<PeftAdapter> sterna::assemblePeft(const std::string &path,
                                           PeftConfig config,
                                           std::vector<NamedTensor> tensors) {
  std::map<std::pair<uint32_t, size_t>, MatrixPair> matrices;
  for (NamedTensor &tensor : tensors) {
    MatrixName name;
    if (!parseName(tensor.name, name))
      return Status::error("'" + path + "': tensor '" + tensor.name +
                           "' is not a LoRA matrix of a known linear, such as "
                           "'" +
                           peftTensorName(0, "q_proj", 'A') + "'");
    if (!isChosen(config, name))
      return Status::error(
          "'" + path + "': '" + tensor.name +
          "' is of a linear that adapter_config.json does not choose: correct "
          "target_modules, exclude_modules or layers_to_transform there");
    if (Status status = checkFinite(path, tensor); !status.ok())
      return status;
    MatrixPair &pair = matrices[{name.layer, name.target}];
    NamedTensor *&slot = pair[name.matrix == 'A' ? 0 : 1];
    if (slot)
      return Status::error("'" + path + "': '" + slot->name + "' and '" +
                           tensor.name + "' are the same matrix");
    slot = &tensor;
  }
  if (matrices.empty())
    return Status::error("'" + path + "' holds no LoRA matrix");

  PeftAdapter adapter;
  adapter.config = std::move(config);
  for (const auto &[key, pair] : matrices) {
    Expected<LoraPair> made =
        makePair(path, key.first, key.second, adapter.config.rank, pair);
    if (!made.ok())
      return made.status();
    adapter.pairs.push_back(std::move(*made));
  }
  return adapter;
}

namespace {

/// Training can end in numbers that are none; such an adapter is of no use.
Status checkFinite(const LoraPairView &pair, uint64_t rank) {
  auto finite = [](float value) { return std::isfinite(value); };
  bool allFinite = true;
  for (char matrix : {'A', 'B'}) {
    const float *data = matrix == 'A' ? pair.a : pair.b;
    std::vector<float> elements;
    if (pair.read) {
      if (Status status = pair.read(matrix, elements); !status.ok())
        return status;
      data = elements.data();
    }
    uint64_t count = rank * (matrix == 'A' ? pair.in : pair.out);
    allFinite = allFinite && std::all_of(data, data + count, finite);
  }
  if (allFinite)
    return Status::success();
  return Status::error("the adapter of '" + pair.target + "' in layer " +
                       std::to_string(pair.layer) +
                       " is not finite and is not written: lower "
                       "--learning-rate or check the data");
}

std::string configText(const PeftConfig &config,
                       const std::vector<bool> &usedTargets) {
  Json json = {{"peft_type", "LORA"},
               {"task_type", "CAUSAL_LM"},
               {"r", config.rank},
               {"lora_alpha", config.alpha},
               {"lora_dropout", 0.0},
               {"bias", "none"},
               {"fan_in_fan_out", false},
               {"inference_mode", true},
               {"init_lora_weights", true},
               {"modules_to_save", nullptr},
               {"use_rslora", config.useRslora}};
  // Whole numbers as PEFT writes them.
  if (config.alpha == std::floor(config.alpha) && std::abs(config.alpha) < 1e9)
    json["lora_alpha"] = static_cast<int64_t>(config.alpha);
  json["base_model_name_or_path"] =
      config.baseModel.empty() ? Json(nullptr) : Json(config.baseModel);
  json["target_modules"] = Json::array();
  for (size_t i = 0; i < usedTargets.size(); ++i)
    if (usedTargets[i])
      json["target_modules"].push_back(loraTargets()[i]);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

size_t sterna::targetIndex(const std::string &target) {
  const std::vector<std::string> &all = loraTargets();
  return static_cast<size_t>(std::find(all.begin(), all.end(), target) -
                             all.begin());
}

Status sterna::writePeft(const std::string &directory, const PeftConfig &config,
                         const std::vector<LoraPairView> &pairs) {
  std::vector<NamedTensorView> tensors;
  std::vector<bool> used(loraTargets().size(), false);
  for (const LoraPairView &pair : pairs) {
    size_t target = targetIndex(pair.target);
    if (target == used.size())
      return Status::error("expected an adapter's target to be one of q_proj "
                           "... down_proj, but got '" +
                           pair.target + "'");
    if (Status status = checkFinite(pair, config.rank); !status.ok())
      return status;
    used[target] = true;
    for (char matrix : {'A', 'B'}) {
      NamedTensorView tensor{peftTensorName(pair.layer, pair.target, matrix),
                             {config.rank, pair.in},
                             pair.a};
      if (matrix == 'B') {
        tensor.shape = {pair.out, config.rank};
        tensor.data = pair.b;
      }
      if (pair.read)
        tensor.read = [&pair, matrix](std::vector<float> &elements) {
          return pair.read(matrix, elements);
        };
      tensors.push_back(std::move(tensor));
    }
  }
  if (!std::isfinite(static_cast<float>(config.scale())))
    return Status::error("expected an adapter whose scale is finite, but got "
                         "alpha " +
                         std::to_string(config.alpha));
  Expected<OutputFolder> folder = OutputFolder::create(directory);
  if (!folder.ok())
    return folder.status();
  // Both files are on the disk before either has its name.
  std::string text = configText(config, used);
  Expected<AtomicFile> configFile =
      AtomicFile::create(directory + "/adapter_config.json");
  if (!configFile.ok())
    return configFile.status();
  if (Status status = configFile->write(text.data(), text.size()); !status.ok())
    return status;
  if (Status status = configFile->flush(); !status.ok())
    return status;
  if (Status status = writeSafetensors(directory + "/adapter_model.safetensors",
                                       std::move(tensors));
      !status.ok())
    return status;
  if (Status status = configFile->commit(); !status.ok())
    return status;
  folder->keep();
  return Status::success();
}

Status sterna::savePeft(const std::string &directory,
                        const PeftAdapter &adapter) {
  std::vector<LoraPairView> pairs;
  for (const LoraPair &pair : adapter.pairs)
    pairs.push_back({pair.layer, pair.target, pair.in, pair.out, pair.a.data(),
                     pair.b.data(), nullptr});
  return writePeft(directory, adapter.config, pairs);
}
