//===- TokenizerJson.h - Tokenizers in the files of Hugging Face ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tokenizer.json, and what the files beside it say about its tokens. All
// that changes how text is encoded is honoured or refused by name. Knows
// contents, not files: who calls says where they came from.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_TOKENIZERJSON_H
#define STERNA_RUNTIME_TEXT_TOKENIZERJSON_H

#include "io/Status.h"
#include "text/BytePairData.h"

#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// Contents of files; empty where there is no such file.
struct TokenizerFiles {
  std::string_view tokenizer;        // tokenizer.json
  std::string_view config;           // tokenizer_config.json
  std::string_view specialTokensMap; // special_tokens_map.json
  std::string_view generationConfig; // generation_config.json
  std::string_view chatTemplate;     // chat_template.jinja
};

/// A chat template for a purpose, such as "tool_use".
struct NamedTemplate {
  std::string name;
  std::string text;
};

/// What the files say together.
struct PublishedTokenizer {
  BytePairData data;
  std::string chatTemplate;             // the default one; may be empty
  std::vector<NamedTemplate> templates; // all that have names
  std::string tokenizerClass;           // as `transformers` calls it
};

/// Reads a tokenizer.json of a model of the kind BPE. Its post-processor says
/// which tokens are BOS and EOS; no end of generation is known yet. Padding and
/// truncation are left to who makes batches, as `transformers` does.
Expected<BytePairData> readTokenizerJson(std::string_view json);

/// Reads all files. As `transformers` does, the configuration's added tokens
/// override those of tokenizer.json, and `add_bos_token` or `add_eos_token`
/// override what its post-processor adds. A generation ends where
/// generation_config.json says, else at EOS and at tokens that end a turn.
Expected<PublishedTokenizer>
readPublishedTokenizer(const TokenizerFiles &files);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_TOKENIZERJSON_H
