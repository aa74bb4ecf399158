//===- SentencePieceTokenizer.h - Tokenizer with byte fallback ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to token ids and back, as llama.cpp does for vocabularies of the kind
// "llama" (SPM). Built from plain vectors, so that it knows neither GGUF nor
// the device binary.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
#define STERNA_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H

#include "io/Status.h"
#include "text/TokenizerInterface.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace sterna {

/// The kind of a token, as numbered in GGUF's `tokenizer.ggml.token_type`.
enum class TokenType : int32_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6
};

/// What a tokenizer is built from. `pieces`, `scores` and `types` are indexed
/// by token id; ids that do not exist are -1.
struct TokenizerData {
  std::vector<std::string> pieces; // U+2581 stands for a space
  std::vector<float> scores;       // higher merges first
  std::vector<int32_t> types;      // values of TokenType; empty: all normal
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t unk = -1;
  int32_t pad = -1;
  bool addBos = true;
  bool addSpacePrefix = true;
  std::vector<int32_t> endIds; // end a generation, beside EOS
};

class SentencePieceTokenizer : public TokenizerInterface {
public:
  /// Builds a tokenizer. Fails when the vectors differ in length, a type, score
  /// or special id is out of range, or neither byte tokens nor an unknown token
  /// exist.
  static Expected<SentencePieceTokenizer> create(TokenizerData data);

  SentencePieceTokenizer(SentencePieceTokenizer &&) = default;
  SentencePieceTokenizer &operator=(SentencePieceTokenizer &&) = default;
  SentencePieceTokenizer(const SentencePieceTokenizer &) = delete;
  SentencePieceTokenizer &operator=(const SentencePieceTokenizer &) = delete;

  std::vector<int32_t> encode(std::string_view text, bool addBos,
                              bool parseSpecial,
                              bool atStart = true) const override;
  std::vector<PartToken> encodeParts(const std::vector<TextPart> &parts,
                                     bool addBos,
                                     bool atStart = true) const override;
  std::string tokenBytes(int32_t id) const override;
  std::string spelling(int32_t id) const override;
  int32_t find(std::string_view piece) const override;
  int32_t size() const override {
    return static_cast<int32_t>(vocabulary.pieces.size());
  }
  /// A generation ends at EOS, at one of the data's `endIds`, and at an
  /// end-of-turn token that chat models use ("<|im_end|>", "<|eot_id|>",
  /// "<|end|>", ...).
  const SpecialTokens &special() const override { return specialTokens; }
  bool isSpecial(int32_t id) const override;
  bool addsSpace() const override { return vocabulary.addSpacePrefix; }

  /// What the tokenizer was built from.
  const TokenizerData &data() const { return vocabulary; }

private:
  struct Fragment;
  struct Encoded;

  SentencePieceTokenizer() = default;
  void buildIndex();
  void findSpecialTokens();
  TokenType typeOf(int32_t id) const;
  std::vector<Fragment> splitAtSpecials(std::string_view text,
                                        bool parseSpecial) const;
  std::vector<Fragment> splitParts(const std::vector<TextPart> &parts,
                                   std::string_view whole) const;
  bool needsBos(const Encoded &encoded, bool addBos) const;
  void encodeFragment(const Fragment &fragment, bool &spaceFirst,
                      Encoded &result) const;
  void encodeText(std::string_view text, bool spaceFirst,
                  Encoded &result) const;
  void encodeChunk(std::string_view chunk, Encoded &result) const;
  bool encodeByWindows(std::string_view chunk, size_t window,
                       Encoded &result) const;
  std::vector<std::string_view> mergePieces(std::string_view text) const;
  void appendPiece(std::string_view piece, Encoded &result) const;

  TokenizerData vocabulary;
  /// Keys point into `vocabulary.pieces`.
  std::unordered_map<std::string_view, int32_t> pieceToId;
  /// Pairs of neighbouring characters inside any piece. Between two characters
  /// that are no such pair nothing ever merges: text is cut there.
  std::unordered_set<uint64_t> mergeablePairs;
  /// Tokens matched whole, longest first.
  std::vector<int32_t> specials;
  std::array<int32_t, 256> byteTokens = {};
  size_t longestPiece = 1; // in bytes
  SpecialTokens specialTokens;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
