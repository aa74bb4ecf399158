//===- TensorNames.cpp - Names of transformers and of GGUF ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TensorNames.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/HuggingFace/TensorNames.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace sterna;

namespace {
struct ModuleName {
  StringLiteral checkpoint, gguf;
};
} // namespace

static constexpr ModuleName modulesOfModel[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"}};

/// Below "model.layers.N" and "blk.N".
static constexpr ModuleName modulesOfLayer[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.attn_sub_norm", "attn_sub_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.ffn_sub_norm", "ffn_sub_norm"}};

/// The rest of `name` behind `module` and a dot; none if it is another's.
static std::optional<std::string> findRole(StringRef name, StringRef module) {
  if (!name.consume_front(module) || !name.consume_front("."))
    return std::nullopt;
  return name.str();
}

std::optional<TensorName> sterna::parseTensorName(StringRef name) {
  for (const ModuleName &module : modulesOfModel)
    if (auto role = findRole(name, module.checkpoint))
      return TensorName{module.gguf.str(), *role};
  if (!name.consume_front("model.layers."))
    return std::nullopt;
  auto [layer, rest] = name.split('.');
  // Spelled as GGUF spells it: no other text is the same layer.
  unsigned number;
  if (layer.getAsInteger(10, number) || layer != std::to_string(number))
    return std::nullopt;
  for (const ModuleName &module : modulesOfLayer)
    if (auto role = findRole(rest, module.checkpoint))
      return TensorName{("blk." + Twine(layer) + "." + module.gguf).str(),
                        *role};
  return std::nullopt;
}

/// Names of GGUF have one role where checkpoints have several.
static std::string spellRole(StringRef role) {
  if (role == "scale")
    return "weight_scale";
  if (role == "norm.weight")
    return "rms_norm.weight";
  return role.str();
}

std::string sterna::spellTensorName(StringRef name) {
  for (const ModuleName &module : modulesOfModel)
    if (auto role = findRole(name, module.gguf))
      return (Twine(module.checkpoint) + "." + spellRole(*role)).str();
  StringRef rest = name;
  if (!rest.consume_front("blk."))
    return name.str();
  auto [layer, inner] = rest.split('.');
  for (const ModuleName &module : modulesOfLayer)
    if (auto role = findRole(inner, module.gguf))
      return ("model.layers." + Twine(layer) + "." + module.checkpoint + "." +
              spellRole(*role))
          .str();
  return name.str();
}
