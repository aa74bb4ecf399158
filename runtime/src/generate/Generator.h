//===- Generator.h - The generation loop ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads a prompt and continues it, a token at a time: sampling, streamed text
// and the reasons to stop. What sterna-run and the C API are clients of. Prints
// nothing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_GENERATOR_H
#define STERNA_RUNTIME_GENERATE_GENERATOR_H

#include "generate/LanguageModel.h"
#include "generate/Sampler.h"
#include "generate/StopStrings.h"
#include "text/StreamDecoder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// Where guesses at the next tokens come from, which one run then checks.
enum class Draft {
  none,
  ngram, // what followed before (NgramDraft.h)
};

struct GeneratorOptions {
  SamplerOptions sampler;
  uint64_t maxTokens = 64;        // of a generation
  std::vector<std::string> stops; // texts that end it, not shown themselves
  std::vector<int32_t> endTokens; // beside those of the vocabulary
  Draft draft = Draft::none;
};

/// Why a generation ended.
enum class StopReason {
  none,       // it goes on
  length,     // `maxTokens` were generated
  end,        // at a token that ends a text
  context,    // the context is full
  stopString, // at one of `stops`
};

/// Tokens that were guessed, and those of them that the model then gave.
struct DraftCounts {
  uint64_t drafted = 0, accepted = 0;
};

/// What one step of a generation gave.
struct GeneratedPiece {
  int32_t token = -1; // -1: it ended, and `text` is what was held back
  std::string text;   // valid UTF-8; often empty
  StopReason stop = StopReason::none;
};

class Generator {
public:
  /// Continues what `model` reads. `tokenizer` may be null: then there is no
  /// text, and ends are those of the options alone. Fails on options that are
  /// out of range, on stop strings without a tokenizer, and on drafts for a
  /// module that was compiled without --draft-tokens.
  static Expected<Generator>
  create(LanguageModel model,
         std::shared_ptr<const TokenizerInterface> tokenizer,
         const GeneratorOptions &options);

  const LanguageModel &model() const { return language; }

  /// Reads `count` tokens, after those read and generated before, and begins a
  /// new generation after them. Fails, without effect, as
  /// LanguageModel::append, and where there is none.
  Status append(const int32_t *tokens, uint64_t count);

  /// The next token and the text that it completes. From the end on, the piece
  /// has the reason why. A token that ends a text is not part of it, and a text
  /// that a stop string ends stops before it. Drafts change nothing but the
  /// time that it takes.
  Expected<GeneratedPiece> next();

  DraftCounts draftCounts() const { return counts; }

  /// Tokens in the context; guesses do not count before they come true.
  uint32_t position() const { return language.position() - uncertain(); }

  /// Empties the context and begins the random numbers anew.
  void reset();

private:
  Generator(LanguageModel model,
            std::shared_ptr<const TokenizerInterface> tokenizer,
            const GeneratorOptions &options);

  bool isEnd(int32_t token) const;
  Expected<GeneratedPiece> finish(StopReason reason);
  Expected<const float *> readPending();
  std::vector<int32_t> makeDraft();
  void accept(int32_t token);
  void dropDraft();
  void forgetDraft();
  uint32_t uncertain() const { return uint32_t(draft.size()) - certain; }

  LanguageModel language;
  std::shared_ptr<const TokenizerInterface> tokenizer; // may be null
  GeneratorOptions options;
  Sampler sampler;
  std::optional<StreamDecoder> decoder;
  StopStrings stops;
  std::optional<int32_t> pending; // generated, not yet read
  std::vector<int32_t> history;   // read and generated; where there are drafts
  /// Guesses that the model has read behind the last token that was certain,
  /// how many of them are by now, and the logits after that token and each of
  /// them: a copy, for others may run programs of the session in between.
  std::vector<int32_t> draft;
  uint32_t certain = 0;
  std::vector<float> draftLogits;
  static constexpr uint32_t firstDraft = 3;
  uint32_t draftLength = firstDraft; // tokens to guess next
  DraftCounts counts;
  uint64_t generated = 0; // by this generation
  StopReason stopped = StopReason::none;
};

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_GENERATOR_H
