//===- Generator.cpp - The generation loop --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Generator.h. A token is read when the next one is asked for, so that the
// last of a generation costs no run of the model. With it guesses are read at
// what follows; they stay in the KV cache as long as the model gives the same
// tokens, of which each is sampled from the logits that it would have had
// without them.
//
//===----------------------------------------------------------------------===//

#include "generate/Generator.h"

#include "generate/NgramDraft.h"
#include "io/Text.h"

#include <algorithm>
#include <cmath>

using namespace sterna;

namespace {

Status check(const GeneratorOptions &options, uint32_t vocabulary,
             bool hasText) {
  auto wrong = [](const char *name, const char *expected, double value) {
    return Status::error(std::string(name) + ": expected " + expected +
                         ", but got " + std::to_string(value));
  };
  const SamplerOptions &sampler = options.sampler;
  if (!std::isfinite(sampler.temperature) || sampler.temperature < 0)
    return wrong("--temperature", "a number of at least 0",
                 sampler.temperature);
  if (!(sampler.topP >= 0 && sampler.topP <= 1))
    return wrong("--top-p", "a number from 0 to 1", sampler.topP);
  for (const std::string &stop : options.stops) {
    if (stop.empty())
      return Status::error("expected stop strings that are not empty");
    if (!hasText)
      return Status::error("the module has no tokenizer, so that no text can "
                           "be looked for: leave stop strings out");
  }
  for (int32_t token : options.endTokens)
    if (token < 0 || uint32_t(token) >= vocabulary)
      return Status::error("expected end tokens from 0 to " +
                           std::to_string(vocabulary - 1) + ", but got " +
                           std::to_string(token));
  return Status();
}

} // namespace

Generator::Generator(LanguageModel model,
                     std::shared_ptr<const TokenizerInterface> tokenizer,
                     const GeneratorOptions &options)
    : language(std::move(model)), tokenizer(std::move(tokenizer)),
      options(options), sampler(options.sampler, language.vocabulary()),
      stops(options.stops) {}

Expected<Generator>
Generator::create(LanguageModel model,
                  std::shared_ptr<const TokenizerInterface> tokenizer,
                  const GeneratorOptions &options) {
  if (Status status =
          check(options, model.vocabulary(), /*hasText=*/tokenizer != nullptr);
      !status.ok())
    return status;
  if (options.draft != Draft::none && model.mostAtOnce() < 2)
    return Status::error("--draft: the module cannot check several tokens at "
                         "once: compile it with --draft-tokens=8");
  return Generator(std::move(model), std::move(tokenizer), options);
}

bool Generator::isEnd(int32_t token) const {
  return (tokenizer && tokenizer->isEndOfGeneration(token)) ||
         contains(options.endTokens, token);
}

/// Guesses that are not certain are no part of the text.
void Generator::dropDraft() {
  if (uncertain() > 0)
    language.seek(position());
  forgetDraft();
}

void Generator::forgetDraft() {
  draft.clear();
  draftLogits.clear();
  certain = 0;
}

Status Generator::append(const int32_t *tokens, uint64_t count) {
  std::vector<int32_t> all;
  if (pending)
    all.push_back(*pending);
  if (count > 0)
    all.insert(all.end(), tokens, tokens + count);
  // Counts beyond 32 bits do not fit the context, either.
  uint32_t most = uint32_t(std::min<uint64_t>(all.size(), UINT32_MAX));
  if (count == 0)
    return Status::error("expected at least one token, but got none");
  uint32_t guessed = language.position();
  if (uncertain() > 0)
    language.seek(position());
  if (Status status = language.append(all.data(), most); !status.ok()) {
    if (uncertain() > 0)
      language.seek(guessed);
    return status;
  }
  forgetDraft();
  pending.reset();
  if (options.draft != Draft::none)
    history.insert(history.end(), tokens, tokens + count);
  generated = 0;
  stopped = StopReason::none;
  stops = StopStrings(options.stops);
  if (tokenizer)
    decoder.emplace(*tokenizer, /*atStart=*/false);
  return Status();
}

Expected<GeneratedPiece> Generator::finish(StopReason reason) {
  stopped = reason;
  dropDraft();
  GeneratedPiece piece;
  piece.stop = reason;
  if (decoder)
    piece.text = stops.push(decoder->finish());
  piece.text += stops.finish();
  return piece;
}

std::vector<int32_t> Generator::makeDraft() {
  uint32_t room = language.mostAtOnce();
  uint64_t left = options.maxTokens - generated;
  if (options.draft == Draft::none || room < 2 || left < 2)
    return {};
  return draftFromNgrams(
      history, uint32_t(std::min<uint64_t>({draftLength, room - 1, left - 1})));
}

/// The logits after the pending token, which is read, with guesses behind it.
Expected<const float *> Generator::readPending() {
  std::vector<int32_t> tokens = makeDraft();
  if (tokens.empty()) {
    if (Status status = language.append(&*pending, 1); !status.ok())
      return status;
    pending.reset();
    return language.logits();
  }
  tokens.insert(tokens.begin(), *pending);
  Expected<const float *> logits =
      language.appendAtOnce(tokens.data(), uint32_t(tokens.size()));
  if (!logits.ok())
    return logits.status();
  pending.reset();
  draft.assign(tokens.begin() + 1, tokens.end());
  draftLogits.assign(*logits, *logits + tokens.size() * language.vocabulary());
  counts.drafted += draft.size();
  return draftLogits.data();
}

/// Goes on with `token`, which the model has read if it was guessed.
void Generator::accept(int32_t token) {
  ++generated;
  if (options.draft != Draft::none)
    history.push_back(token);
  if (certain < draft.size() && draft[certain] == token) {
    ++certain;
    ++counts.accepted;
    return;
  }
  // A run of eight costs twice one of one: guesses that come true get longer.
  if (!draft.empty())
    draftLength = certain == draft.size() ? std::min(2 * draftLength + 1, 7u)
                                          : std::max(certain, 1u);
  dropDraft();
  pending = token;
}

Expected<GeneratedPiece> Generator::next() {
  if (stopped != StopReason::none)
    return GeneratedPiece{-1, {}, stopped};
  if (stops.found())
    return finish(StopReason::stopString);
  if (generated == options.maxTokens)
    return finish(StopReason::length);
  if (pending && language.position() == language.contextSize())
    return finish(StopReason::context);
  Expected<const float *> logits =
      pending ? readPending()
      : draftLogits.empty()
          ? language.logits()
          : draftLogits.data() + size_t(certain) * language.vocabulary();
  if (!logits.ok())
    return logits.status();
  Expected<int32_t> token = sampler.sample(*logits);
  if (!token.ok())
    return token.status();
  if (isEnd(*token))
    return finish(StopReason::end);
  accept(*token);
  GeneratedPiece piece;
  piece.token = *token;
  if (decoder)
    piece.text = stops.push(decoder->push(*token));
  return piece;
}

void Generator::reset() {
  language.reset();
  sampler = Sampler(options.sampler, language.vocabulary());
  forgetDraft();
  draftLength = firstDraft;
  history.clear();
  pending.reset();
  decoder.reset();
  generated = 0;
  stopped = StopReason::none;
}
