//===- Generator.cpp - The generation loop --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Generator.h. A token is read when the next one is asked for, so that the
// last of a generation costs no run of the model.
//
//===----------------------------------------------------------------------===//

#include "generate/Generator.h"

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
  return Generator(std::move(model), std::move(tokenizer), options);
}

bool Generator::isEnd(int32_t token) const {
  return (tokenizer && tokenizer->isEndOfGeneration(token)) ||
         contains(options.endTokens, token);
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
  if (Status status = language.append(all.data(), most); !status.ok())
    return status;
  pending.reset();
  generated = 0;
  stopped = StopReason::none;
  stops = StopStrings(options.stops);
  if (tokenizer)
    decoder.emplace(*tokenizer, /*atStart=*/false);
  return Status();
}

Expected<GeneratedPiece> Generator::finish(StopReason reason) {
  stopped = reason;
  GeneratedPiece piece;
  piece.stop = reason;
  if (decoder)
    piece.text = stops.push(decoder->finish());
  piece.text += stops.finish();
  return piece;
}

Expected<GeneratedPiece> Generator::next() {
  if (stopped != StopReason::none)
    return GeneratedPiece{-1, {}, stopped};
  if (stops.found())
    return finish(StopReason::stopString);
  if (generated == options.maxTokens)
    return finish(StopReason::length);
  if (pending) {
    if (language.position() == language.contextSize())
      return finish(StopReason::context);
    if (Status status = language.append(&*pending, 1); !status.ok())
      return status;
    pending.reset();
  }
  Expected<const float *> logits = language.logits();
  if (!logits.ok())
    return logits.status();
  Expected<int32_t> token = sampler.sample(*logits);
  if (!token.ok())
    return token.status();
  if (isEnd(*token))
    return finish(StopReason::end);
  pending = *token;
  ++generated;
  GeneratedPiece piece;
  piece.token = *token;
  if (decoder)
    piece.text = stops.push(decoder->push(*token));
  return piece;
}

void Generator::reset() {
  language.reset();
  sampler = Sampler(options.sampler, language.vocabulary());
  pending.reset();
  decoder.reset();
  generated = 0;
  stopped = StopReason::none;
}
