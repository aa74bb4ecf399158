//===- TokenizerInterface.h - Text to token ids and back ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What data sets, chat templates and generation ask of a tokenizer, whatever
// its algorithm. Separate from the implementations, so that their users know
// none of them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_TOKENIZERINTERFACE_H
#define STERNA_RUNTIME_TEXT_TOKENIZERINTERFACE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

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

/// Tokens of a vocabulary that have a meaning; ids that do not exist are -1.
struct SpecialTokens {
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t unk = -1;
  int32_t pad = -1;
  bool addBos = false;       // whether a text begins with BOS
  std::vector<int32_t> ends; // that end a generation, EOS among them
};

/// An immutable tokenizer; its functions may run on several threads.
class TokenizerInterface {
public:
  virtual ~TokenizerInterface() = default;

  /// Turns `text` into ids. `addBos` puts the BOS token first where the
  /// vocabulary asks for one (`special().addBos`), unless the text begins with
  /// it. User-defined tokens in the text are always matched whole; control
  /// tokens, such as "</s>", only when `parseSpecial` is set. `atStart` is
  /// false when `text` continues text that was encoded before, so that no space
  /// is put before it. Any bytes are accepted: what the vocabulary lacks
  /// becomes byte tokens, else unknown.
  virtual std::vector<int32_t> encode(std::string_view text, bool addBos,
                                      bool parseSpecial,
                                      bool atStart = true) const = 0;

  /// Turns `parts`, joined, into the ids of the whole text: pieces may reach
  /// from one part into the next. BOS belongs to the first part.
  virtual std::vector<PartToken> encodeParts(const std::vector<TextPart> &parts,
                                             bool addBos,
                                             bool atStart = true) const = 0;

  /// The bytes of one token, without context: spaces are spaces, byte tokens
  /// their byte, control, unknown and out-of-range ids empty.
  virtual std::string tokenBytes(int32_t id) const = 0;

  /// How the vocabulary spells a token, such as "</s>"; empty out of range.
  virtual std::string spelling(int32_t id) const = 0;

  /// The id of the token spelled exactly `piece`, or -1.
  virtual int32_t find(std::string_view piece) const = 0;

  /// Tokens of the vocabulary: ids are below.
  virtual int32_t size() const = 0;

  virtual const SpecialTokens &special() const = 0;

  /// True for tokens that are matched whole in text: control, user-defined and
  /// unknown ones.
  virtual bool isSpecial(int32_t id) const = 0;

  /// True when encode puts a space before a text, which decode removes.
  virtual bool addsSpace() const = 0;

  int32_t bos() const { return special().bos; }
  int32_t eos() const { return special().eos; }

  /// Turns ids into text, always valid UTF-8 (broken sequences become U+FFFD).
  /// Control, unknown and out-of-range ids give nothing. The space that encode
  /// puts first is removed.
  std::string decode(const std::vector<int32_t> &ids) const;

  /// The id to pad batches with: pad, else EOS, else 0. Padding is masked, so
  /// the choice changes no result.
  int32_t padOrDefault() const;

  /// True when `id` ends a generation.
  bool isEndOfGeneration(int32_t id) const;

  /// True when there is a token that ends a generation.
  bool hasEndOfGeneration() const { return !special().ends.empty(); }
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_TOKENIZERINTERFACE_H
