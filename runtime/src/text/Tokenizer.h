//===- Tokenizer.h - SentencePiece tokenizer with byte fallback -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to token ids and back, as llama.cpp does for vocabularies of the kind
// "llama" (SPM). Built from plain vectors, so that it knows neither GGUF nor
// the device binary.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_TOKENIZER_H
#define STERNA_RUNTIME_TEXT_TOKENIZER_H

#include "io/Status.h"

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

/// A part of a text that is encoded as a whole.
struct TextPart {
  std::string_view text;
  bool parseSpecial = false; // whether control tokens are matched in it
};

/// A token, and the part of the text that its last byte is in.
struct PartToken {
  int32_t id = 0;
  uint32_t part = 0;
};

/// An immutable tokenizer; its const functions may run on several threads.
class Tokenizer {
public:
  /// Builds a tokenizer. Fails when the vectors differ in length, a type, score
  /// or special id is out of range, or neither byte tokens nor an unknown token
  /// exist.
  static Expected<Tokenizer> create(TokenizerData data);

  Tokenizer(Tokenizer &&) = default;
  Tokenizer &operator=(Tokenizer &&) = default;
  Tokenizer(const Tokenizer &) = delete;
  Tokenizer &operator=(const Tokenizer &) = delete;

  /// Turns `text` into ids. `addBos` puts the BOS token first where the
  /// vocabulary asks for one (`data().addBos`), unless the text begins with it.
  /// User-defined tokens in the text are always matched whole; control tokens,
  /// such as "</s>", only when `parseSpecial` is set. `atStart` is false when
  /// `text` continues text that was encoded before, so that no space is put
  /// before it. Any bytes are accepted: what the vocabulary lacks becomes byte
  /// tokens, else unknown.
  std::vector<int32_t> encode(std::string_view text, bool addBos,
                              bool parseSpecial, bool atStart = true) const;

  /// Turns `parts`, joined, into the ids of the whole text: pieces may reach
  /// from one part into the next. BOS belongs to the first part.
  std::vector<PartToken> encodeParts(const std::vector<TextPart> &parts,
                                     bool addBos, bool atStart = true) const;

  /// Turns ids into text, always valid UTF-8 (broken sequences become U+FFFD).
  /// Control, unknown and out-of-range ids give nothing. The space that encode
  /// puts first is removed.
  std::string decode(const std::vector<int32_t> &ids) const;

  /// The bytes of one token, without context: spaces are spaces, byte tokens
  /// their byte, control, unknown and out-of-range ids empty.
  std::string tokenBytes(int32_t id) const;

  /// The id of the token spelled exactly `piece`, or -1.
  int32_t find(std::string_view piece) const;

  const TokenizerData &data() const { return vocabulary; }
  int32_t size() const {
    return static_cast<int32_t>(vocabulary.pieces.size());
  }
  int32_t bos() const { return vocabulary.bos; }
  int32_t eos() const { return vocabulary.eos; }

  /// The id to pad batches with: pad, else EOS, else 0. Padding is masked, so
  /// the choice changes no result.
  int32_t padOrDefault() const;

  /// True for tokens that are matched whole in text: control, user-defined and
  /// unknown ones.
  bool isSpecial(int32_t id) const;

  /// True when `id` ends a generation: EOS, one of `data().endIds`, or an
  /// end-of-turn token that chat models use ("<|im_end|>", "<|eot_id|>",
  /// "<|end|>", ...).
  bool isEndOfGeneration(int32_t id) const;

  /// True when there is a token that ends a generation.
  bool hasEndOfGeneration() const {
    return vocabulary.eos >= 0 || !endOfGeneration.empty();
  }

private:
  struct Fragment;
  struct Encoded;

  Tokenizer() = default;
  void buildIndex();
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
  std::vector<int32_t> endOfGeneration;
};

/// Turns ids into text one at a time, for streaming: holds back bytes until
/// they form whole characters. The tokenizer must outlive it.
class StreamDecoder {
public:
  /// `atStart` is true when the first id begins a text, so that the space that
  /// encode puts first is removed; false when it continues a prompt.
  explicit StreamDecoder(const Tokenizer &tokenizer, bool atStart = true);

  /// The text that `id` completes; may be empty. Always valid UTF-8.
  std::string push(int32_t id);

  /// What is held back at the end, as U+FFFD; empty when nothing is.
  std::string finish();

private:
  const Tokenizer &tokenizer;
  bool stripSpace;
  std::string pending;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_TOKENIZER_H
