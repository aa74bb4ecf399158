//===- Quantization.cpp - How a checkpoint stores its linears -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Quantization.h.
//
//===----------------------------------------------------------------------===//

#include "Quantization.h"

using namespace llvm;
using namespace sterna;

/// Linears that may be left as floats: those that are no layer's.
static Error checkNotConverted(Config &config) {
  std::vector<std::string> modules;
  if (Error error = config.readStringsIfAny("modules_to_not_convert", modules))
    return error;
  for (StringRef module : modules)
    if (module != "lm_head" && module != "model.embed_tokens" &&
        module != "embed_tokens")
      return config.makeError(
          "{0}: expected lm_head or model.embed_tokens, but got {1}, which is "
          "a ternary linear",
          config.spell("modules_to_not_convert"), quoteText(module));
  return Error::success();
}

/// transformers' BitNetQuantConfig.
static Error readBitNet(Config &config, Quantization &result) {
  std::string linear = "bitlinear", mode = "offline";
  if (Error error = config.readStringIfAny("linear_class", linear))
    return error;
  if (Error error = config.readStringIfAny("quantization_mode", mode))
    return error;
  if (linear != "bitlinear" && linear != "autobitlinear")
    return config.makeError("{0}: expected bitlinear or autobitlinear, but got "
                            "{1}",
                            config.spell("linear_class"), quoteText(linear));
  if (mode != "offline" && mode != "online")
    return config.makeError("{0}: expected offline or online, but got {1}",
                            config.spell("quantization_mode"), quoteText(mode));
  result.int8Activations = true;
  result.scaleDivides = linear == "bitlinear";
  result.isOnline = linear == "autobitlinear" && mode == "online";
  if (Error error = config.readBoolIfAny("use_rms_norm", result.linearNorms))
    return error;
  if (Error error =
          config.readPositiveIfAny("rms_norm_eps", result.linearNormEpsilon))
    return error;
  return checkNotConverted(config);
}

/// MLX's affine quantization, of which ternary models use 2 bits.
static Error readMLX(Config &config, Quantization &result) {
  int64_t bits = 0, group = 0;
  std::string mode = "affine";
  if (Error error = config.readSize("bits", bits, 64))
    return error;
  if (bits != 2)
    return config.makeError("{0}: expected 2, for ternary weights, but got {1}",
                            config.spell("bits"), bits);
  if (Error error = config.readSize("group_size", group, 1 << 16))
    return error;
  if (Error error = config.readStringIfAny("mode", mode))
    return error;
  if (mode != "affine")
    return config.makeError("{0}: expected affine, but got {1}",
                            config.spell("mode"), quoteText(mode));
  if (result.mlxGroup && result.mlxGroup != group)
    return config.makeError("{0}: expected {1}, as quantization says, but got "
                            "{2}",
                            config.spell("group_size"), *result.mlxGroup,
                            group);
  result.mlxGroup = group;
  return Error::success();
}

Expected<Quantization> sterna::readQuantization(Config &config) {
  Quantization result;
  // Checkpoints of MLX have the same under both keys.
  for (StringRef key : {"quantization", "quantization_config"}) {
    if (!config.has(key))
      continue;
    auto object = config.getObject(key);
    if (!object)
      return object.takeError();
    std::string method;
    if (Error error = object->readStringIfAny("quant_method", method))
      return std::move(error);
    Error error = method == "bitnet" ? readBitNet(*object, result)
                  : method.empty() || method == "mlx"
                      ? readMLX(*object, result)
                      : object->makeError("{0}: expected bitnet, or none for "
                                          "MLX, but got {1}",
                                          object->spell("quant_method"),
                                          quoteText(method));
    if (error)
      return std::move(error);
    if (Error error = object->checkUnread({}))
      return std::move(error);
  }
  return result;
}
