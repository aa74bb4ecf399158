//===- PreTokenizer.h - Text to words -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The splitting steps of a tokenizer, in their order: each cuts what the steps
// before it left. Words go to their receiver one at a time, so that memory does
// not grow with the text. Separate from merging, which sees one word only.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_PRETOKENIZER_H
#define STERNA_RUNTIME_TEXT_PRETOKENIZER_H

#include "io/Status.h"
#include "text/AlignedText.h"
#include "text/BytePairData.h"
#include "text/Regex.h"

#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// Takes the words of a text.
class WordReceiver {
public:
  virtual ~WordReceiver() = default;

  /// `word` is not empty, and valid until this returns.
  virtual void take(const TextSpan &word) = 0;
};

/// Immutable; shared by threads.
class PreTokenizer {
public:
  /// Fails on a step that is no pre-tokenizer, or lacks what it needs.
  static Expected<PreTokenizer> create(std::vector<TextStep> steps);

  /// True when words are given as bytes for a byte-level vocabulary.
  bool isByteLevel() const { return byteLevel >= 0; }

private:
  friend class PreTokenizerRun;

  struct Step {
    TextStep data;
    std::optional<Regex> regex; // of Split, and of ByteLevel with UseRegex
  };

  std::vector<Step> steps;
  int byteLevel = -1; // the step that turns text into bytes
};

/// A pre-tokenizer at work for one thread.
class PreTokenizerRun {
public:
  /// All arguments must outlive it. `keepsOrigins` is whether the receiver asks
  /// where words came from.
  PreTokenizerRun(const PreTokenizer &preTokenizer, bool keepsOrigins,
                  WordReceiver &receiver);

  /// Splits a text, which is valid UTF-8.
  void split(const TextSpan &text) { runStep(0, text); }

private:
  template <class Pattern>
  void splitAt(size_t step, const TextSpan &text, SplitBehavior behavior,
               bool invert, Pattern pattern);
  void runStep(size_t index, const TextSpan &text);
  void runSplit(size_t index, const TextSpan &text);
  void runByteLevel(size_t index, const TextSpan &text);
  void spell(size_t index, const TextSpan &text);
  void runMetaspace(size_t index, const TextSpan &text);
  void give(const TextSpan &word);

  const PreTokenizer &preTokenizer;
  bool keepsOrigins;
  WordReceiver &receiver;
  std::vector<std::optional<RegexMatcher>> matchers; // by step
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_PRETOKENIZER_H
