//===- LanguageModel.h - Tokens in, logits out ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the forward programs and the head of a module: fills the KV cache with
// tokens and gives the logits after any of them. What generation and the logits
// tool are written on; knows no text.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_LANGUAGEMODEL_H
#define STERNA_RUNTIME_GENERATE_LANGUAGEMODEL_H

#include "core/Session.h"
#include "generate/PromptPlan.h"

#include <functional>
#include <memory>
#include <vector>

namespace sterna {

class LanguageModel {
public:
  /// Looks up the programs of `session`, which must outlive this object and
  /// have been created with generatePrograms(module, lora) or some of those.
  /// `loraScale` is what the adapter's branch is multiplied by; ignored unless
  /// `lora` is set.
  static Expected<LanguageModel> create(Session &session, bool lora,
                                        float loraScale);

  uint32_t vocabulary() const { return vocabularySize; }

  uint32_t hiddenSize() const { return hidden; }

  /// The most tokens that the KV cache holds.
  uint32_t contextSize() const { return context; }

  /// The number of tokens in the KV cache.
  uint32_t position() const { return cached; }

  /// Empties the KV cache.
  void reset() { cached = rowCount = 0; }

  /// Goes back to the first `count` tokens of the KV cache, or, before others
  /// are appended, forth again. Tokens must be appended before logits are asked
  /// for.
  void seek(uint32_t count) {
    cached = count;
    rowCount = 0;
  }

  /// Appends `count` tokens to the KV cache. The rows of the final hidden state
  /// are kept for `logits` until the next call. Fails, without effect, if a
  /// token is not in the vocabulary, there is none, or the context would be
  /// exceeded.
  Status append(const int32_t *tokens, uint32_t count);

  /// As `append`, and calls `row(i, hidden)` for each of the tokens, in order:
  /// `hiddenSize()` values of the final hidden state, which the head reads.
  Status
  appendWithHidden(const int32_t *tokens, uint32_t count,
                   const std::function<void(uint32_t, const float *)> &row);

  /// As `append`, and calls `row(i, logits)` for each of the tokens, in order;
  /// `logits` holds `vocabulary()` values until `row` returns.
  Status
  appendWithLogits(const int32_t *tokens, uint32_t count,
                   const std::function<void(uint32_t, const float *)> &row);

  /// The logits after the last token appended: `vocabulary()` values, valid
  /// until the next call of any member.
  Expected<const float *> logits();

  /// The most tokens that `appendAtOnce` takes at this place of the context; at
  /// most 1 in a module that was compiled without --draft-tokens.
  uint32_t mostAtOnce() const;

  /// Appends `count` tokens, at most mostAtOnce(), in one run, and gives the
  /// logits after each: `count` rows of `vocabulary()` values, valid until the
  /// next call of any member. They have the bits that appending the tokens one
  /// by one gives. Fails as `append`, and where no program has room for as
  /// many.
  Expected<const float *> appendAtOnce(const int32_t *tokens, uint32_t count);

private:
  /// A forward program of one length and its fields.
  struct Forward {
    Program program;
    uint32_t length = 0;
    int32_t *tokens = nullptr;
    int32_t *position = nullptr;
    int32_t *count = nullptr;
    float *loraScale = nullptr; // null without adapter
    const float *hidden = nullptr;
  };
  struct Head {
    Program program;
    uint32_t rows = 0;
    float *hidden = nullptr;
    const float *logits = nullptr;
  };

  LanguageModel(const format::Model &model, float loraScale)
      : vocabularySize(model.vocabulary()), context(model.max_context()),
        hidden(model.hidden()), scale(loraScale) {}

  static Expected<Forward> findForward(const Session &session,
                                       const std::string &name, bool lora);
  static Expected<Head> findHead(const Session &session,
                                 const std::string &name);
  Status checkTokens(const int32_t *tokens, uint32_t count) const;
  Expected<std::vector<PromptChunk>> check(const int32_t *tokens,
                                           uint32_t count) const;
  Status runChunk(const PromptChunk &chunk, const int32_t *tokens);
  Status runChunks(const int32_t *tokens, uint32_t count,
                   const std::function<Status()> &chunkDone);
  Expected<const float *> logitsOf(const float *hiddenRows, uint32_t count);

  std::vector<Forward> forwards;
  std::vector<Head> heads; // in order of their rows
  uint32_t vocabularySize;
  uint32_t context;
  uint32_t hidden;
  float scale;
  uint32_t cached = 0;
  std::vector<float> rows; // hidden rows of the last run
  uint32_t rowCount = 0;
};

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_LANGUAGEMODEL_H
