//===- KnownKeys.cpp - Keys of config.json that change nothing ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See KnownKeys.h.
//
//===----------------------------------------------------------------------===//

#include "KnownKeys.h"

using namespace sterna;

// Notes, what concerns initialization, caching and other heads than the
// language model's, tokens that the tokenizer knows better, and what must be
// off.
static constexpr HarmlessKey keys[] = {
    {"_name_or_path", ""},
    {"activation", "\"swiglu\""},
    {"attention_bias", "false"},
    {"attention_dropout", "0.0 0"},
    {"auto_map", ""},
    {"bos_token_id", ""},
    {"chunk_size_feed_forward", ""},
    {"dtype", ""},
    {"eos_token_id", ""},
    {"hidden_dropout", "0.0 0"},
    {"initializer_range", ""},
    {"max_window_layers", ""},
    {"mlp_bias", "false"},
    {"model_type", ""},
    {"mup_denominator", ""},
    {"num_experts", "0"},
    {"num_local_experts", "0"},
    {"output_attentions", ""},
    {"output_hidden_states", ""},
    {"pad_token_id", ""},
    {"pretraining_tp", "1"},
    {"problem_type", ""},
    {"return_dict", ""},
    {"sliding_window", "0"},
    {"torch_dtype", ""},
    {"transformers_version", ""},
    {"unk_token_id", ""},
    {"unsloth_fixed", ""},
    {"unsloth_version", ""},
    {"use_cache", ""},
    {"use_sliding_window", "false"},
};

llvm::ArrayRef<HarmlessKey> sterna::getHarmlessConfigKeys() { return keys; }
