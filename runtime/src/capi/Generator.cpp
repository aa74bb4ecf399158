//===- Generator.cpp - Generators of the C API --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"

using namespace sterna;
using namespace sterna::capi;

struct sterna_generator {
  ~sterna_generator() { release(session); }

  sterna_session *session = nullptr; // retained
  GeneratorOptions options;
  std::optional<Generator> generator;
  uint64_t contextVersion = 0; // the session's, when the context was emptied
  std::string text;            // of the last piece
};

namespace {

sterna_generator_options_t defaultOptions() {
  GeneratorOptions defaults;
  sterna_generator_options_t options = {};
  options.temperature = defaults.sampler.temperature;
  options.top_p = defaults.sampler.topP;
  options.top_k = defaults.sampler.topK;
  options.seed = defaults.sampler.seed;
  options.max_tokens = defaults.maxTokens;
  return options;
}

sterna_status_t readOptions(const sterna_generator_options_t *given,
                            GeneratorOptions &result) {
  sterna_generator_options_t options = defaultOptions();
  if (sterna_status_t status = readStruct(given, options))
    return status;
  if (sterna_status_t status = checkList(
          options.stop_strings, options.stop_string_count, "stop strings"))
    return status;
  if (sterna_status_t status =
          checkList(options.end_tokens, options.end_token_count, "end tokens"))
    return status;
  result.sampler = {options.temperature, options.top_k, options.top_p,
                    options.seed};
  result.maxTokens = options.max_tokens;
  for (size_t i = 0; i < options.stop_string_count; ++i)
    result.stops.push_back(toString(options.stop_strings[i]));
  if (options.end_token_count > 0)
    result.endTokens.assign(options.end_tokens,
                            options.end_tokens + options.end_token_count);
  if (options.draft != STERNA_DRAFT_NONE && options.draft != STERNA_DRAFT_NGRAM)
    return failed(Status::error("draft: expected a sterna_draft_t, but got " +
                                std::to_string(int(options.draft))));
  if (options.draft == STERNA_DRAFT_NGRAM)
    result.draft = Draft::ngram;
  return nullptr;
}

/// Begins with an empty context and the session's adapter.
sterna_status_t prepare(sterna_generator &generator) {
  sterna_session &session = *generator.session;
  Expected<LanguageModel> model = LanguageModel::create(
      *session.session, session.adapter.has_value(), session.scale());
  if (!model.ok())
    return failed(model.status());
  Expected<sterna_module::Tokenizer> tokenizer =
      session.module->tokenizerIfAny();
  if (!tokenizer.ok())
    return failed(tokenizer.status());
  Expected<Generator> made =
      Generator::create(std::move(*model), *tokenizer, generator.options);
  if (!made.ok())
    return invalid(made.status());
  generator.generator.emplace(std::move(*made));
  generator.contextVersion = ++session.contextVersion;
  return nullptr;
}

/// Fails where the context is no longer what the generator put there.
sterna_status_t checkContext(const sterna_generator &generator) {
  if (generator.contextVersion == generator.session->contextVersion)
    return nullptr;
  return failed(Status::error(
      "the session's context was taken by another generator, or its adapter "
      "changed: reset this generator to go on"));
}

sterna_status_t step(sterna_generator &generator, sterna_piece_t &result) {
  generator.text.clear();
  if (sterna_status_t status = checkContext(generator))
    return status;
  Expected<GeneratedPiece> piece = generator.generator->next();
  if (!piece.ok())
    return failed(piece.status());
  generator.text = std::move(piece->text);
  result.token = piece->token;
  result.text = toView(generator.text);
  switch (piece->stop) {
  case StopReason::none:
    result.stop = STERNA_STOP_NONE;
    break;
  case StopReason::length:
    result.stop = STERNA_STOP_LENGTH;
    break;
  case StopReason::end:
    result.stop = STERNA_STOP_END;
    break;
  case StopReason::context:
    result.stop = STERNA_STOP_CONTEXT;
    break;
  case StopReason::stopString:
    result.stop = STERNA_STOP_STRING;
    break;
  }
  return nullptr;
}

sterna_status_t createGenerator(sterna_session_t *session,
                                const sterna_generator_options_t *options,
                                sterna_generator_t **out_generator) {
  auto handle = std::make_unique<sterna_generator>();
  if (sterna_status_t status = readOptions(options, handle->options))
    return status;
  retain(session);
  handle->session = session;
  if (sterna_status_t status = prepare(*handle))
    return status;
  *out_generator = handle.release();
  return nullptr;
}

sterna_status_t runGenerator(sterna_generator &generator,
                             sterna_piece_fn_t callback, void *userData,
                             sterna_stop_t *out_stop) {
  while (true) {
    sterna_piece_t piece = {};
    piece.size = sizeof(piece);
    if (sterna_status_t status = step(generator, piece))
      return status;
    bool asked = callback && callback(userData, &piece) != 0;
    if (piece.stop != STERNA_STOP_NONE || asked) {
      *out_stop =
          piece.stop != STERNA_STOP_NONE ? piece.stop : STERNA_STOP_CALLER;
      return nullptr;
    }
  }
}

} // namespace

void sterna_generator_options_init(size_t size,
                                   sterna_generator_options_t *out_options) {
  writeDefaults(defaultOptions(), size, out_options);
}

sterna_status_t
sterna_generator_create(sterna_session_t *session,
                        const sterna_generator_options_t *options,
                        sterna_generator_t **out_generator) {
  clear(out_generator);
  return guarded(
      {{session, "a session"}, {out_generator, "a place for the generator"}},
      [&] { return createGenerator(session, options, out_generator); });
}

void sterna_generator_release(sterna_generator_t *generator) {
  delete generator;
}

sterna_status_t sterna_generator_append(sterna_generator_t *generator,
                                        const int32_t *tokens, size_t count) {
  return guarded({{generator, "a generator"}, {tokens, "tokens"}}, [&] {
    if (sterna_status_t status = checkContext(*generator))
      return status;
    uint32_t vocabulary = generator->generator->model().vocabulary();
    bool known = std::all_of(tokens, tokens + count, [=](int32_t token) {
      return token >= 0 && uint32_t(token) < vocabulary;
    });
    Status status = generator->generator->append(tokens, count);
    return known && count > 0 ? failed(status) : invalid(status);
  });
}

uint32_t sterna_generator_position(const sterna_generator_t *generator) {
  return generator ? generator->generator->position() : 0;
}

sterna_status_t sterna_generator_next(sterna_generator_t *generator,
                                      sterna_piece_t *out_piece) {
  clearStruct(out_piece);
  return guarded(
      {{generator, "a generator"}, {out_piece, "a place for the piece"}}, [&] {
        // A size that is not set must not cost a token.
        if (sterna_status_t status = writeStruct(sterna_piece_t(), out_piece))
          return status;
        sterna_piece_t piece = {};
        if (sterna_status_t status = step(*generator, piece))
          return status;
        return writeStruct(piece, out_piece);
      });
}

sterna_status_t sterna_generator_run(sterna_generator_t *generator,
                                     sterna_piece_fn_t callback,
                                     void *user_data, sterna_stop_t *out_stop) {
  clear(out_stop);
  return guarded(
      {{generator, "a generator"}, {out_stop, "a place for the reason"}},
      [&] { return runGenerator(*generator, callback, user_data, out_stop); });
}

sterna_status_t sterna_generator_reset(sterna_generator_t *generator) {
  return guarded({{generator, "a generator"}},
                 [&] { return prepare(*generator); });
}
