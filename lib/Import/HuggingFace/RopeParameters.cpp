//===- RopeParameters.cpp - How a configuration stretches RoPE ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RopeParameters.h. The arithmetic is that of transformers.
//
//===----------------------------------------------------------------------===//

#include "RopeParameters.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

namespace {

class RopeReader {
public:
  RopeReader(Config &config, double theta, ModelDescription &model)
      : config(config), theta(theta), model(model) {}

  Error run() {
    if (Error error = config.readPositiveIfAny("rope_theta", theta))
      return error;
    bool isNew = config.has("rope_parameters");
    if (isNew && config.has("rope_scaling"))
      return config.makeError(
          "expected one of rope_parameters and rope_scaling, but got both");
    StringRef key = isNew ? "rope_parameters" : "rope_scaling";
    if (config.has(key)) {
      auto parameters = config.getObject(key);
      if (!parameters)
        return parameters.takeError();
      if (Error error = readScaling(*parameters))
        return error;
    }
    if (Error error = readPartialFactor(config))
      return error;
    setRopeAngles(model, theta, rotated, scaling);
    return Error::success();
  }

private:
  Error readPartialFactor(Config &from) {
    double part = 1;
    if (Error error = from.readPositiveIfAny("partial_rotary_factor", part))
      return error;
    if (part > 1)
      return from.makeError("{0}: expected at most 1, but got {1}",
                            from.spell("partial_rotary_factor"),
                            formatNumber(part));
    if (part != 1)
      rotated = int64_t(double(model.headDim) * part);
    if (rotated < 2 || rotated % 2)
      return from.makeError("expected an even number of a head's {0} elements "
                            "to be rotated, but got {1}",
                            model.headDim, rotated);
    return Error::success();
  }

  Error readScaling(Config &parameters) {
    std::string type = "default";
    // The older name.
    if (Error error = parameters.readStringIfAny("type", type))
      return error;
    if (Error error = parameters.readStringIfAny("rope_type", type))
      return error;
    if (Error error = parameters.readPositiveIfAny("rope_theta", theta))
      return error;
    if (Error error = readPartialFactor(parameters))
      return error;
    if (Error error = readType(parameters, type))
      return error;
    return parameters.checkUnread({});
  }

  Error readType(Config &parameters, StringRef type) {
    if (type == "default")
      return Error::success();
    if (type == "linear") {
      scaling.kind = RopeScalingKind::Linear;
      return parameters.readPositive("factor", scaling.factor);
    }
    if (type == "llama3")
      return readLlama3(parameters);
    if (type == "yarn")
      return readYaRN(parameters);
    if (type == "longrope")
      return readLongRope(parameters);
    return parameters.makeError(
        "{0}: expected default, linear, llama3, yarn or longrope, but got {1}",
        parameters.spell("rope_type"), quoteText(type));
  }

  /// The context that the model was first trained with.
  Error readOriginalContext(Config &parameters) {
    int64_t original = model.contextLength;
    if (Error error = parameters.readSizeIfAny(
            "original_max_position_embeddings", original, 1 << 30))
      return error;
    scaling.originalContext = double(original);
    return Error::success();
  }

  Error readLlama3(Config &parameters) {
    scaling.kind = RopeScalingKind::Llama3;
    if (Error error = parameters.readPositive("factor", scaling.factor))
      return error;
    if (Error error = parameters.readPositive("low_freq_factor",
                                              scaling.lowFrequencyFactor))
      return error;
    if (Error error = parameters.readPositive("high_freq_factor",
                                              scaling.highFrequencyFactor))
      return error;
    if (scaling.highFrequencyFactor <= scaling.lowFrequencyFactor)
      return parameters.makeError(
          "expected {0} to be larger than {1}, but got {2} and {3}",
          parameters.spell("high_freq_factor"),
          parameters.spell("low_freq_factor"),
          formatNumber(scaling.highFrequencyFactor),
          formatNumber(scaling.lowFrequencyFactor));
    return readOriginalContext(parameters);
  }

  Error readYaRN(Config &parameters) {
    scaling.kind = RopeScalingKind::YaRN;
    if (Error error = parameters.readPositive("factor", scaling.factor))
      return error;
    if (Error error = readOriginalContext(parameters))
      return error;
    if (Error error =
            parameters.readPositiveIfAny("beta_fast", scaling.betaFast))
      return error;
    if (Error error =
            parameters.readPositiveIfAny("beta_slow", scaling.betaSlow))
      return error;
    if (Error error = parameters.readBoolIfAny("truncate", scaling.truncate))
      return error;
    return readAmplitude(parameters);
  }

  Error readAmplitude(Config &parameters) {
    double mscale = 0, ofAllDimensions = 0, amplitude = 0;
    if (Error error = parameters.readPositiveIfAny("mscale", mscale))
      return error;
    if (Error error =
            parameters.readPositiveIfAny("mscale_all_dim", ofAllDimensions))
      return error;
    if (Error error =
            parameters.readPositiveIfAny("attention_factor", amplitude))
      return error;
    if (amplitude > 0)
      scaling.amplitude = amplitude;
    else if (mscale > 0 && ofAllDimensions > 0)
      scaling.amplitude = getYaRNAmplitude(scaling.factor, mscale) /
                          getYaRNAmplitude(scaling.factor, ofAllDimensions);
    return Error::success();
  }

  Error readLongRope(Config &parameters) {
    scaling.kind = RopeScalingKind::Divisors;
    int64_t context = model.contextLength;
    if (Error error = readOriginalContext(parameters))
      return error;
    std::vector<double> longOnes;
    if (Error error = parameters.readPositives("short_factor", scaling.divisors,
                                               rotated / 2))
      return error;
    if (Error error =
            parameters.readPositives("long_factor", longOnes, rotated / 2))
      return error;
    if (scaling.divisors != longOnes)
      model.contextLength = std::min(context, int64_t(scaling.originalContext));
    return readLongRopeAmplitude(parameters, double(context));
  }

  Error readLongRopeAmplitude(Config &parameters, double context) {
    double factor = context / scaling.originalContext;
    if (Error error = parameters.readPositiveIfAny("factor", factor))
      return error;
    model.ropeAmplitude =
        factor > 1 && scaling.originalContext > 1
            ? std::sqrt(1 +
                        std::log(factor) / std::log(scaling.originalContext))
            : 1;
    return parameters.readPositiveIfAny("attention_factor",
                                        model.ropeAmplitude);
  }

  Config &config;
  double theta;
  ModelDescription &model;
  int64_t rotated = model.headDim;
  RopeScaling scaling;
};

} // namespace

Error sterna::readRopeParameters(Config &config, double theta,
                                 ModelDescription &model) {
  return RopeReader(config, theta, model).run();
}
