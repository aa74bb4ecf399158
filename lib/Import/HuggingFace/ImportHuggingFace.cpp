//===- ImportHuggingFace.cpp - Models from Hugging Face folders -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns config.json and the safetensors files beside it into a model
// description, by the definitions that transformers has of the families. What
// neither says is an error, never a guess.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/HuggingFace/ImportHuggingFace.h"

#include "../ParameterReader.h"
#include "CheckpointTensors.h"
#include "ImportTokenizer.h"
#include "KnownKeys.h"
#include "Quantization.h"
#include "RopeParameters.h"

#include "sterna/Import/HuggingFace/Families.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

std::string listFamilies() {
  std::vector<std::string> names;
  for (const CheckpointFamily &family : getCheckpointFamilies())
    names.push_back(family.className.str());
  return listAlternatives(names);
}

class CheckpointReader {
public:
  CheckpointReader(StringRef folder, Config &config, MLIRContext *context,
                   const ImportOptions &options)
      : folder(folder), config(config), context(context), options(options) {}

  Expected<ModelDescription> run() {
    if (Error error = readFamily())
      return std::move(error);
    if (Error error = readSizes())
      return std::move(error);
    if (Error error = readActivation())
      return std::move(error);
    if (Error error = readScales())
      return std::move(error);
    if (Error error = readWindows())
      return std::move(error);
    if (Error error = readRopeParameters(config, family.theta, model))
      return std::move(error);
    if (Error error = readTensors())
      return std::move(error);
    auto tokenizer = importCheckpointTokenizer(folder, model.vocabulary);
    if (!tokenizer)
      return tokenizer.takeError();
    model.tokenizer = std::move(*tokenizer);
    return std::move(model);
  }

private:
  Error readFamily() {
    std::vector<std::string> classes;
    if (Error error = config.readStrings("architectures", classes))
      return error;
    llvm::ArrayRef<CheckpointFamily> families = getCheckpointFamilies();
    const auto *found = llvm::find_if(families, [&](const auto &known) {
      return classes.size() == 1 && classes[0] == known.className;
    });
    if (found == families.end())
      return config.makeError(
          "architectures: expected {0}, but got {1}", listFamilies(),
          quoteText(classes.empty() ? std::string() : classes[0]));
    family = *found;
    model.architecture = family.architecture.str();
    // "." and "folder/" have names, too.
    SmallString<128> path(folder);
    if (std::error_code code = llvm::sys::fs::make_absolute(path))
      return config.makeError("{0}", code.message());
    llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
    model.name = llvm::sys::path::filename(path).str();
    return Error::success();
  }

  Error readSizes() {
    constexpr int64_t large = 1 << 20, many = 1 << 14;
    const std::tuple<const char *, int64_t *, int64_t> sizes[] = {
        {"vocab_size", &model.vocabulary, 1 << 24},
        {"hidden_size", &model.hidden, large},
        {"intermediate_size", &model.feedForward, large},
        {"num_hidden_layers", &model.layers, 1024},
        {"num_attention_heads", &model.heads, many},
        {"max_position_embeddings", &model.contextLength, 1 << 30}};
    for (auto [key, size, limit] : sizes)
      if (Error error = config.readSize(key, *size, limit))
        return error;
    model.kvHeads = model.heads;
    if (Error error =
            config.readSizeIfAny("num_key_value_heads", model.kvHeads, many))
      return error;
    model.headDim = model.hidden / model.heads;
    if (!config.has("head_dim") && model.hidden % model.heads)
      return config.makeError(
          "expected hidden_size to be a multiple of num_attention_heads, but "
          "got {0} and {1}",
          model.hidden, model.heads);
    if (Error error = config.readSizeIfAny("head_dim", model.headDim, many))
      return error;
    if (model.heads % model.kvHeads)
      return config.makeError(
          "expected num_attention_heads to be a multiple of "
          "num_key_value_heads, but got {0} and {1}",
          model.heads, model.kvHeads);
    return config.readPositive("rms_norm_eps", model.epsilon);
  }

  Error readActivation() {
    std::string name;
    if (Error error = config.readString("hidden_act", name))
      return error;
    if (name == "silu" || name == "swish")
      model.activation = FeedForwardActivation::SiLU;
    else if (name == "relu2")
      model.activation = FeedForwardActivation::ReLUSquared;
    else
      return config.makeError("hidden_act: expected silu or relu2, but got {0}",
                              quoteText(name));
    return Error::success();
  }

  /// Maximal update parametrization, as MiniCPM has it (arXiv:2404.06395).
  Error readScales() {
    if (!family.scales)
      return Error::success();
    double depth = 0;
    int64_t base = 0;
    if (Error error = config.readPositive("scale_emb", model.embeddingScale))
      return error;
    if (Error error = config.readPositive("scale_depth", depth))
      return error;
    if (Error error = config.readSize("dim_model_base", base, 1 << 20))
      return error;
    model.residualScale = depth / std::sqrt(double(model.layers));
    model.logitScale = double(base) / double(model.hidden);
    return Error::success();
  }

  Error readWindows() {
    if (!family.windows)
      return Error::success();
    bool used = false;
    int64_t window = 0, first = model.layers;
    if (Error error = config.readBoolIfAny("use_sliding_window", used))
      return error;
    // Null is none, and no key a default that few know.
    if (used && !config.getJson().contains("sliding_window"))
      return config.makeError("missing key 'sliding_window': expected the "
                              "columns that windows have");
    if (Error error = config.readSizeIfAny("sliding_window", window, 1 << 30))
      return error;
    if (Error error = config.readSizeIfAny("max_window_layers", first, 1 << 20,
                                           /*least=*/0))
      return error;
    std::vector<std::string> types;
    if (Error error = config.readStringsIfAny("layer_types", types))
      return error;
    if (types.empty())
      for (int64_t layer = 0; layer < model.layers; ++layer)
        types.push_back(used && window && layer >= first ? "sliding_attention"
                                                         : "full_attention");
    return setWindows(types, used ? window : 0);
  }

  Error setWindows(ArrayRef<std::string> types, int64_t window) {
    if (int64_t(types.size()) != model.layers)
      return config.makeError("layer_types: expected {0}, one for each layer, "
                              "but got {1}",
                              model.layers, types.size());
    for (const std::string &type : types) {
      bool slides = type == "sliding_attention";
      if (!slides && type != "full_attention")
        return config.makeError("layer_types: expected full_attention or "
                                "sliding_attention, but got {0}",
                                quoteText(type));
      if (slides && !window)
        return config.makeError(
            "missing key 'sliding_window': expected the columns that layers of "
            "the type sliding_attention see");
      model.windows.push_back(slides ? window : 0);
    }
    return Error::success();
  }

  Error readTensors() {
    Expected<Quantization> quantization = readQuantization(config);
    if (!quantization)
      return quantization.takeError();
    bool tied = family.tied;
    if (Error error = config.readBoolIfAny("tie_word_embeddings", tied))
      return error;
    if (Error error = config.checkUnread(getHarmlessConfigKeys()))
      return error;
    Expected<TensorTable> table = readCheckpointTensors(folder, *quantization);
    if (!table)
      return table.takeError();
    model.int8Activations = quantization->int8Activations;
    if (options.activations != ActivationType::Model)
      model.int8Activations = options.activations == ActivationType::Int8;
    model.linearNormEpsilon = quantization->linearNormEpsilon;
    Expected<bool> divides = findConvention(*quantization, *table);
    if (!divides)
      return divides.takeError();
    TensorDefinition definition;
    definition.subNorms = family.subNorms;
    definition.headNorms = family.headNorms;
    definition.linearNorms = quantization->linearNorms;
    definition.tied = tied;
    definition.quantizeAbsmean = options.quantizeAbsmean;
    definition.scalesDivide = *divides;
    return ParameterReader(*table, context, definition, model).read();
  }

  /// Whether scales beside weights divide: packed weights without a word about
  /// it could be either.
  Expected<bool> findConvention(const Quantization &quantization,
                                const TensorTable &table) {
    if (options.weightScale != WeightScale::Model)
      return options.weightScale == WeightScale::Divide;
    if (quantization.scaleDivides)
      return *quantization.scaleDivides;
    if (quantization.mlxGroup || !table.find("blk.0.attn_q.scale"))
      return false;
    return config.makeError(
        "missing key 'quantization_config': expected it to say what "
        "weight_scale means; give --weight-scale=multiply or divide, and "
        "--activations=int8 or float");
  }

  StringRef folder;
  Config &config;
  MLIRContext *context;
  const ImportOptions &options;
  CheckpointFamily family = getCheckpointFamilies()[0];
  ModelDescription model;
};

class HuggingFaceImporter : public Importer {
public:
  StringRef getDescription() const override {
    return "a folder with config.json and safetensors files";
  }

  bool accepts(StringRef path) const override {
    return llvm::sys::fs::exists(path + "/config.json");
  }

  Expected<ImportedModel> read(StringRef path, MLIRContext *context,
                               const ImportOptions &options) const override {
    if (options.i2sLayout)
      return llvm::createStringError(
          "--i2s-layout: expected a GGUF file, but " + path + " is a folder");
    SmallString<128> file(path);
    llvm::sys::path::append(file, "config.json");
    Expected<Config> config = Config::open(file);
    if (!config)
      return config.takeError();
    return CheckpointReader(path, *config, context, options).run();
  }
};

} // namespace

std::unique_ptr<Importer> sterna::createHuggingFaceImporter() {
  return std::make_unique<HuggingFaceImporter>();
}
