//===- BytePairTokenizer.h - Byte-pair encoding ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to token ids and back, as Hugging Face's `tokenizers` does for models of
// the kind BPE: byte-level vocabularies, as of GPT-2, Llama 3 and Qwen, and
// those that mark spaces and fall back to bytes, as of Llama 2 and MiniCPM.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BYTEPAIRTOKENIZER_H
#define STERNA_RUNTIME_TEXT_BYTEPAIRTOKENIZER_H

#include "io/Status.h"
#include "text/AddedTokens.h"
#include "text/BytePairData.h"
#include "text/BytePairMerger.h"
#include "text/Normalizer.h"
#include "text/PreTokenizer.h"
#include "text/TokenizerInterface.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace sterna {

/// Differs from `tokenizers` where text is no UTF-8, which that library is
/// never given: each byte that belongs to no character is a word of its own,
/// and becomes the token for that byte, else the unknown token. Decoding
/// differs in two things: bytes that form no character give U+FFFD as
/// TokenizerInterface says, not one for each byte of their run; and a Metaspace
/// decoder takes one space from the beginning, not all of the first token's.
class BytePairTokenizer : public TokenizerInterface {
public:
  /// Builds a tokenizer. Fails when ids are out of range, pieces occur twice,
  /// merges give no piece, or a step is not known.
  static Expected<BytePairTokenizer> create(BytePairData data);

  BytePairTokenizer(BytePairTokenizer &&) = default;
  BytePairTokenizer &operator=(BytePairTokenizer &&) = default;
  BytePairTokenizer(const BytePairTokenizer &) = delete;
  BytePairTokenizer &operator=(const BytePairTokenizer &) = delete;

  std::vector<int32_t> encode(std::string_view text, bool addBos,
                              bool parseSpecial,
                              bool atStart = true) const override;
  std::vector<PartToken> encodeParts(const std::vector<TextPart> &parts,
                                     bool addBos,
                                     bool atStart = true) const override;
  std::string tokenBytes(int32_t id) const override;
  std::string spelling(int32_t id) const override;
  int32_t find(std::string_view piece) const override;
  int32_t size() const override { return count; }
  /// A generation ends at EOS and at the data's `endIds`.
  const SpecialTokens &special() const override { return specialTokens; }
  bool isSpecial(int32_t id) const override;
  bool addsSpace() const override { return removesSpace; }

  /// What the tokenizer was built from.
  const BytePairData &data() const { return vocabulary; }

private:
  class Encoder;
  /// Parts of a text, side by side, that are read alike.
  struct Group {
    size_t end = 0;
    bool parseSpecial = false;
  };

  BytePairTokenizer() = default;
  Status indexPieces();
  Status indexAddedTokens();
  Status addMerges();
  void addJoined(int32_t left, int32_t right);
  Status checkDecoders();
  Status checkBytes();
  Status setSpecialTokens();
  void encodeText(std::string_view text, const std::vector<Group> &groups,
                  bool atStart, Encoder &encoder) const;
  bool needsBos(const std::vector<int32_t> &ids, bool addBos) const;
  int32_t pieceId(std::string_view piece) const;
  const AddedToken *addedToken(int32_t id) const;

  BytePairData vocabulary;
  int32_t count = 0;
  /// Keys point into `vocabulary`.
  std::unordered_map<std::string_view, int32_t> pieceToId;
  std::unordered_map<std::string_view, int32_t> contentToId;
  std::unordered_map<int32_t, size_t> addedIndex; // by id
  /// Words that are taken as they are, by their bytes.
  std::unordered_map<std::string, int32_t> wordToId;
  /// The token for each byte, or -1.
  std::array<int32_t, 256> byteIds = {};
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  AddedTokens rawTokens;        // matched in text as it came
  AddedTokens normalizedTokens; // matched in normalized text
  BytePairMerger merger;
  /// Characters, as 32 bits each, that some merge joins: between two others
  /// nothing merges, and long words are cut there. Of byte-level vocabularies
  /// words are short, and none are kept.
  std::unordered_set<uint64_t> joined;
  bool cutsWords = false;
  bool removesSpace = false;
  SpecialTokens specialTokens;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BYTEPAIRTOKENIZER_H
