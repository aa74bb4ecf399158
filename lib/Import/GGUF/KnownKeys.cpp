//===- KnownKeys.cpp - Keys that the importer does not read ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lists of docs/import.md: namespaces and keys of any value, and keys that
// are harmless as long as they say "off".
//
//===----------------------------------------------------------------------===//

#include "KnownKeys.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace sterna;

/// Namespaces of notes about where a file comes from. What matters of
/// `general.` and `split.` is read.
static constexpr StringLiteral notes[] = {"general.", "split.", "mradermacher.",
                                          "quantize."};

/// Of the architecture: figures of YaRN, which is refused where a type or a
/// factor asks for it, and whether a scaling was trained with.
static constexpr StringLiteral harmlessArchitectureKeys[] = {
    "rope.scaling.finetuned", "rope.scaling.original_context_length",
    "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"};

/// A key that changes nothing with one of two values.
struct OffKey {
  StringLiteral name;
  double off, alsoOff;
};

/// Of the architecture. A scale of 0 means none, by llama.cpp's convention.
static constexpr OffKey offArchitectureKeys[] = {
    {"attention.causal", 1, 1},
    {"attention.clamp_kqv", 0, 0},
    {"attention.max_alibi_bias", 0, 0},
    {"attention.output_scale", 1, 0},
    {"attention.sliding_window", 0, 0},
    {"attn_logit_softcapping", 0, 0},
    {"embedding_scale", 1, 0},
    {"expert_count", 0, 0},
    {"expert_shared_count", 0, 0},
    {"expert_used_count", 0, 0},
    {"final_logit_softcapping", 0, 0},
    {"logit_scale", 1, 0},
    {"nextn_predict_layers", 0, 0},
    {"pooling_type", 0, 0},
    {"residual_scale", 1, 0},
    {"rope.scaling.attn_factor", 1, 1},
    {"rope.scaling.yarn_attn_factor", 1, 1},
    {"rope.scaling.yarn_ext_factor", 0, -1},
    {"rope.scaling.yarn_log_multiplier", 0, 0},
    {"router_logit_softcapping", 0, 0},
    {"use_parallel_residual", 0, 0}};

/// Of the tokenizer: `merges` say what the scores say, the rest are other
/// tokenizers' files and templates that are chosen by name.
static constexpr StringLiteral harmlessTokenizerKeys[] = {
    "tokenizer.chat_templates", "tokenizer.ggml.merges",
    "tokenizer.huggingface.json"};
static constexpr StringLiteral namedTemplates = "tokenizer.chat_template.";

static constexpr OffKey offTokenizerKeys[] = {
    {"tokenizer.ggml.add_eos_token", 0, 0},
    {"tokenizer.ggml.add_sep_token", 0, 0},
    {"tokenizer.ggml.remove_extra_whitespaces", 0, 0}};

/// Checks that `key` has a value that changes nothing.
static Error checkOff(const GGUFFile &file, StringRef key, const OffKey &known,
                      StringRef architecture) {
  Expected<double> value = file.getNumber(key);
  if (!value)
    return value.takeError();
  if (*value == known.off || *value == known.alsoOff)
    return Error::success();
  return file.makeError("{0}: expected {1}, but got {2}, which changes the "
                        "model in a way that '{3}' is not compiled for",
                        key, formatNumber(known.off), formatNumber(*value),
                        architecture);
}

static Error checkKey(const GGUFFile &file, StringRef key,
                      StringRef architecture) {
  if (any_of(notes, [&](StringRef note) { return key.starts_with(note); }) ||
      is_contained(harmlessTokenizerKeys, key) ||
      key.starts_with(namedTemplates))
    return Error::success();
  for (const OffKey &known : offTokenizerKeys)
    if (key == known.name)
      return checkOff(file, key, known, architecture);
  StringRef suffix = key;
  if (suffix.consume_front(architecture) && suffix.consume_front(".")) {
    if (is_contained(harmlessArchitectureKeys, suffix))
      return Error::success();
    for (const OffKey &known : offArchitectureKeys)
      if (suffix == known.name)
        return checkOff(file, key, known, architecture);
  }
  return file.makeError(
      "unknown metadata key {0}: it may change what the model "
      "computes; docs/import.md lists the keys that are "
      "understood",
      quoteText(key));
}

Error sterna::checkUnreadKeys(const GGUFFile &file, StringRef architecture) {
  for (StringRef key : file.getKeys())
    if (!file.wasRead(key))
      if (Error error = checkKey(file, key, architecture))
        return error;
  return Error::success();
}
