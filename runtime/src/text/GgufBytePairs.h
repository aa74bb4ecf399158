//===- GgufBytePairs.h - Byte-pair vocabularies as GGUF has them ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GGUF names the way in which text is split, where a tokenizer.json spells it
// out. Holds the table of those names, and makes of a file's facts what
// tokenizers are built from. Knows no file: the compiler reads those.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_GGUFBYTEPAIRS_H
#define STERNA_RUNTIME_TEXT_GGUFBYTEPAIRS_H

#include "io/Status.h"
#include "text/BytePairData.h"

#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// Values under `tokenizer.ggml.` of a file whose `model` is gpt2; ids that do
/// not exist are -1.
struct GgufBytePairs {
  std::string pre;                 // how text is split, such as "llama-bpe"
  std::vector<std::string> tokens; // in the alphabet of ByteLevel
  std::vector<int32_t> types;      // of TokenType; empty: all normal
  std::vector<std::string> merges; // "a b", earlier ones first
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t unk = -1;
  int32_t pad = -1;
  std::optional<bool> addBos; // where the file does not say, `pre` does
  bool addSpacePrefix = false;
  std::vector<int32_t> endIds; // EOS, and ends of turns
};

/// What tokenizers are built from. Control tokens are special, user-defined
/// ones are matched always. Fails where `pre` is not in the table, naming those
/// that are, and where a merge or a type is none.
///
/// Qwen's text is composed to NFC, as its authors do; llama.cpp does not.
Expected<BytePairData> readGgufBytePairs(GgufBytePairs facts);

/// The name by which GGUF calls the way in which `data` splits text, the first
/// of those that mean the same; empty where no name does.
std::string findGgufSplit(const BytePairData &data);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_GGUFBYTEPAIRS_H
