//===- WriteConfig.cpp - A model's config.json ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WriteConfig.h.
//
//===----------------------------------------------------------------------===//

#include "WriteConfig.h"

#include "sterna/Import/HuggingFace/Families.h"
#include "sterna/Weights/WeightSource.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace llvm;
using namespace sterna;
using Json = nlohmann::ordered_json;

namespace {

class ConfigWriter {
public:
  ConfigWriter(const ModelDescription &model, StorageType linears)
      : model(model), isPacked(linears == StorageType::BitNetU8) {}

  Expected<Json> run() {
    const CheckpointFamily &family = chooseFamily();
    config["architectures"] = {family.className.str()};
    config["model_type"] = family.architecture.str();
    addSizes();
    for (auto add : {&ConfigWriter::addRope, &ConfigWriter::addWindows,
                     &ConfigWriter::addQuantization})
      if (Error error = (this->*add)())
        return std::move(error);
    if (family.scales)
      if (Error error = addScales())
        return std::move(error);
    return std::move(config);
  }

private:
  /// Models of BitNet without norms of inner results have the definition of
  /// Llama's class.
  const CheckpointFamily &chooseFamily() const {
    StringRef name = model.architecture;
    if (name.starts_with("bitnet"))
      name = model.find("blk.0.attn_sub_norm.weight") ? "bitnet" : "llama";
    const auto *found =
        llvm::find_if(getCheckpointFamilies(), [&](const auto &family) {
          return family.architecture == name;
        });
    assert(found != getCheckpointFamilies().end() && "a class for each");
    return *found;
  }

  void addSizes() {
    config["vocab_size"] = model.vocabulary;
    config["hidden_size"] = model.hidden;
    config["intermediate_size"] = model.feedForward;
    config["num_hidden_layers"] = model.layers;
    config["num_attention_heads"] = model.heads;
    config["num_key_value_heads"] = model.kvHeads;
    config["head_dim"] = model.headDim;
    config["max_position_embeddings"] = model.contextLength;
    config["rms_norm_eps"] = model.epsilon;
    config["hidden_act"] =
        model.activation == FeedForwardActivation::SiLU ? "silu" : "relu2";
    config["attention_bias"] = false;
    config["mlp_bias"] = false;
    config["tie_word_embeddings"] = !model.find("output.weight");
    const TokenizerDescription &tokenizer = model.tokenizer;
    const std::pair<const char *, int32_t> tokens[] = {
        {"bos_token_id", tokenizer.bos},
        {"eos_token_id", tokenizer.eos},
        {"pad_token_id", tokenizer.pad}};
    for (auto [key, id] : tokens)
      if (id >= 0)
        config[key] = id;
  }

  //===--------------------------------------------------------------------===//
  // Rotary embedding
  //===--------------------------------------------------------------------===//

  Error addRope() {
    config["rope_theta"] = model.ropeTheta;
    if (model.ropeDim != model.headDim) {
      double part = double(model.ropeDim) / double(model.headDim);
      if (int64_t(double(model.headDim) * part) != model.ropeDim)
        return createStringError(
            "rotary embedding: " + Twine(model.ropeDim) + " of a head's " +
            Twine(model.headDim) +
            " elements are rotated, which no partial_rotary_factor says");
      config["partial_rotary_factor"] = part;
    }
    Json scaling = describeScaling();
    if (!scaling.empty())
      config["rope_scaling"] = std::move(scaling);
    return Error::success();
  }

  Json describeScaling() const {
    const RopeScaling &scaling = model.ropeScaling;
    int64_t original = int64_t(scaling.originalContext);
    switch (scaling.kind) {
    case RopeScalingKind::None:
      return {};
    case RopeScalingKind::Linear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScalingKind::Llama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.lowFrequencyFactor},
              {"high_freq_factor", scaling.highFrequencyFactor},
              {"original_max_position_embeddings", original}};
    case RopeScalingKind::YaRN:
      return {{"rope_type", "yarn"},
              {"factor", scaling.factor},
              {"original_max_position_embeddings", original},
              {"beta_fast", scaling.betaFast},
              {"beta_slow", scaling.betaSlow},
              {"truncate", scaling.truncate},
              {"attention_factor", model.ropeAmplitude}};
    case RopeScalingKind::Divisors:
      // The same for short and long contexts: one set is known.
      return {{"rope_type", "longrope"},
              {"short_factor", scaling.divisors},
              {"long_factor", scaling.divisors},
              {"original_max_position_embeddings", model.contextLength},
              {"attention_factor", model.ropeAmplitude}};
    }
    llvm_unreachable("unknown kind of scaling");
  }

  //===--------------------------------------------------------------------===//
  // What a family has beside
  //===--------------------------------------------------------------------===//

  Error addWindows() {
    int64_t window = 0;
    for (int64_t each : model.windows)
      window = std::max(window, each);
    if (!window)
      return Error::success();
    std::vector<std::string> types;
    for (int64_t each : model.windows) {
      if (each && each != window)
        return createStringError("layers see windows of " + Twine(each) +
                                 " and " + Twine(window) +
                                 " columns, of which config.json has one");
      types.emplace_back(each ? "sliding_attention" : "full_attention");
    }
    config["use_sliding_window"] = true;
    config["sliding_window"] = window;
    config["layer_types"] = types;
    return Error::success();
  }

  /// Logits are scaled by a ratio of sizes.
  Error addScales() {
    double base = std::round(model.logitScale * double(model.hidden));
    if (float(base / double(model.hidden)) != float(model.logitScale) ||
        base < 1)
      return createStringError("logits are multiplied by " +
                               formatNumber(model.logitScale) +
                               ", which no dim_model_base over hidden_size " +
                               Twine(model.hidden) + " is");
    config["scale_emb"] = model.embeddingScale;
    config["scale_depth"] =
        model.residualScale * std::sqrt(double(model.layers));
    config["dim_model_base"] = int64_t(base);
    return Error::success();
  }

  /// Whether linears quantize their input follows from how they are stored.
  Error addQuantization() {
    if (isPacked != model.int8Activations)
      return createStringError(
          isPacked
              ? "packed linears quantize their input, but the model's take "
                "floats; give --type=bf16, f16 or f32"
              : "a folder of floats has linears that take floats, but the "
                "model's quantize their input; give --type=packed, or "
                "--activations=float for a model that does not");
    bool isNormed = model.find("blk.0.attn_q.norm.weight");
    if (!isPacked && isNormed)
      return createStringError("blk.0.attn_q: norms within linears need "
                               "--type=packed");
    if (!isPacked)
      return Error::success();
    config["quantization_config"] = {{"quant_method", "bitnet"},
                                     {"linear_class", "autobitlinear"},
                                     {"quantization_mode", "offline"},
                                     {"use_rms_norm", isNormed},
                                     {"rms_norm_eps", model.linearNormEpsilon}};
    return Error::success();
  }

  const ModelDescription &model;
  bool isPacked;
  Json config;
};

} // namespace

Expected<Json> sterna::makeConfig(const ModelDescription &model,
                                  StorageType linears) {
  return ConfigWriter(model, linears).run();
}
