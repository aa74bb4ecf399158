//===- BytePairData.h - What a byte-pair tokenizer is built from ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The facts of a byte-pair vocabulary and of the text processing around it, as
// lists of numbers and strings: a tokenizer.json, a GGUF file and a device
// binary all turn into it. Separate from the tokenizer, so that readers know
// nothing of how text is encoded.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BYTEPAIRDATA_H
#define STERNA_RUNTIME_TEXT_BYTEPAIRDATA_H

#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

/// What a step does to text. Numbers are stored in files: they never change.
/// Behind each kind are the fields of TextStep that it uses.
enum class StepKind : int32_t {
  // Normalizers.
  Nfc = 0,
  Nfd = 1,
  Nfkc = 2,
  Nfkd = 3,
  Lowercase = 4,
  Strip = 5,   // flags: Left, Right; as a decoder: see BytePairData
  Prepend = 6, // content
  Replace = 7, // pattern, content; flags: IsRegex
  // Pre-tokenizers.
  Split = 16,       // pattern, behavior; flags: IsRegex, Invert
  ByteLevel = 17,   // flags: AddPrefixSpace, UseRegex; also a decoder
  Metaspace = 18,   // content: the mark; flags: PrependAlways or
                    // PrependFirst, SplitAtMark; also a decoder
  Digits = 19,      // flags: Individual
  Punctuation = 20, // behavior
  WhitespaceSplit = 21,
  // Decoders.
  ByteFallback = 32,
  Fuse = 33,
};

/// What becomes of the matches of a pattern that text is split at.
enum class SplitBehavior : int32_t {
  Isolated = 0,
  Removed = 1,
  MergedWithPrevious = 2,
  MergedWithNext = 3,
  Contiguous = 4,
};

/// Bits of TextStep::flags.
enum StepFlag : uint32_t {
  IsRegex = 1 << 0, // the pattern is a regular expression, else a text
  Invert = 1 << 1,  // what lies between matches counts as match
  AddPrefixSpace = 1 << 2,
  UseRegex = 1 << 3,
  PrependAlways = 1 << 4,
  PrependFirst = 1 << 5,
  SplitAtMark = 1 << 6,
  Individual = 1 << 7,
  Left = 1 << 8,
  Right = 1 << 9,
};

/// One step of a normalizer, pre-tokenizer or decoder.
struct TextStep {
  StepKind kind = StepKind::Nfc;
  std::string pattern;
  std::string content;
  SplitBehavior behavior = SplitBehavior::Isolated;
  uint32_t flags = 0; // of StepFlag

  bool has(StepFlag flag) const { return (flags & flag) != 0; }
  bool operator==(const TextStep &other) const {
    return kind == other.kind && pattern == other.pattern &&
           content == other.content && behavior == other.behavior &&
           flags == other.flags;
  }
};

/// Bits of AddedToken::flags.
enum AddedTokenFlag : uint32_t {
  IsSpecial = 1 << 0,  // matched only where special tokens are parsed
  SingleWord = 1 << 1, // matched only between characters that are no word's
  StripLeft = 1 << 2,  // takes the white space before it along
  StripRight = 1 << 3, // takes the white space behind it along
  Normalized = 1 << 4, // matched in normalized text
};

/// A token that is matched whole in text, before it is split.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  uint32_t flags = 0; // of AddedTokenFlag

  bool has(AddedTokenFlag flag) const { return (flags & flag) != 0; }
};

/// What a tokenizer is built from. Ids that do not exist are -1.
struct BytePairData {
  /// The model's vocabulary by id, spelled as in a tokenizer.json: in the
  /// alphabet of ByteLevel, or with U+2581 for a space. Empty where the model
  /// has no such id, as for added tokens that are in `added` alone.
  std::vector<std::string> pieces;
  /// Pairs of ids that merge, two ids each; earlier ones merge first.
  std::vector<int32_t> merges;
  bool ignoreMerges = false; // a word that is a piece is taken as it is
  bool byteFallback = false; // "<0x0A>" stands for what is no piece
  bool fuseUnk = false;      // neighbouring unknown characters are one token
  std::vector<AddedToken> added;
  std::vector<TextStep> normalizers;
  std::vector<TextStep> preTokenizers;
  /// ByteLevel; or Metaspace; or Replace (of texts), ByteFallback and Fuse, in
  /// this order and each if wanted, and Strip (Left: one space) behind Fuse.
  std::vector<TextStep> decoders;
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t unk = -1;
  int32_t pad = -1;
  bool addBos = false; // whether a text begins with BOS
  bool addEos = false; // whether a text ends with EOS: for who makes rows
  std::vector<int32_t> endIds; // end a generation, beside EOS
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BYTEPAIRDATA_H
