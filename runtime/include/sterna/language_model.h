//===- language_model.h - C API: text and training ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is made of the programs of a language model: text, losses, adapters. See
// sterna.h for what all functions have in common.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LANGUAGE_MODEL_H
#define STERNA_LANGUAGE_MODEL_H

#include "sterna/session.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Tokenizer
//===----------------------------------------------------------------------===//

typedef struct sterna_tokenizer sterna_tokenizer_t;

/// The tokenizer in `module`; fails if it has none. The caller holds one
/// reference.
STERNA_API sterna_status_t sterna_tokenizer_create(
    sterna_module_t *module, sterna_tokenizer_t **out_tokenizer);

/// Adds a reference. Null is allowed.
STERNA_API void sterna_tokenizer_retain(sterna_tokenizer_t *tokenizer);

/// Gives up a reference. Null is allowed.
STERNA_API void sterna_tokenizer_release(sterna_tokenizer_t *tokenizer);

/// Tokens of a vocabulary that have a meaning; -1 where there is none.
typedef struct sterna_special_tokens_t {
  size_t size;
  int32_t bos;
  int32_t eos;
  int32_t unknown;
  int32_t pad;
  /// 1 if a text begins with BOS.
  uint32_t adds_bos;
} sterna_special_tokens_t;

STERNA_API sterna_status_t sterna_tokenizer_special_tokens(
    const sterna_tokenizer_t *tokenizer, sterna_special_tokens_t *out_tokens);

/// 1 if `token` ends a generation: EOS, the end of a turn.
STERNA_API int sterna_tokenizer_is_end(const sterna_tokenizer_t *tokenizer,
                                       int32_t token);

/// The token spelled exactly `spelling`, such as "</s>"; -1 if there is none.
STERNA_API int32_t sterna_tokenizer_find(const sterna_tokenizer_t *tokenizer,
                                         sterna_string_view_t spelling);

/// How to encode; flags are joined by |.
typedef enum sterna_encode_flags_t {
  /// BOS comes first, where the vocabulary asks for one.
  STERNA_ENCODE_BOS = 1,
  /// Control tokens that the text spells, such as "</s>", are matched. Leave
  /// it out for text that is not trusted.
  STERNA_ENCODE_SPECIAL = 2,
  /// The text continues text that was encoded before.
  STERNA_ENCODE_CONTINUES = 4
} sterna_encode_flags_t;

/// Turns `text`, any bytes, into token ids: `*out_tokens` is a buffer of
/// int32_t. A prompt as sterna-run takes it has STERNA_ENCODE_BOS |
/// STERNA_ENCODE_SPECIAL.
STERNA_API sterna_status_t sterna_tokenizer_encode(
    const sterna_tokenizer_t *tokenizer, sterna_string_view_t text,
    uint32_t flags, sterna_buffer_t **out_tokens);

/// Turns `count` ids into text, valid UTF-8, not terminated. Control tokens and
/// ids beyond the vocabulary give nothing.
STERNA_API sterna_status_t sterna_tokenizer_decode(
    const sterna_tokenizer_t *tokenizer, const int32_t *tokens, size_t count,
    sterna_buffer_t **out_text);

/// The bytes of one token, without context; perhaps a part of a character.
STERNA_API sterna_status_t
sterna_tokenizer_token_bytes(const sterna_tokenizer_t *tokenizer, int32_t token,
                             sterna_buffer_t **out_bytes);

/// One message of a conversation.
typedef struct sterna_message_t {
  /// "system", "user" or "assistant".
  sterna_string_view_t role;
  sterna_string_view_t content;
} sterna_message_t;

/// Renders a conversation of `count` messages by the module's chat template.
/// Unless `open` is 0, it ends with the header of a turn of the assistant,
/// which a generator continues. `*out_tokens` is a buffer of int32_t, in which
/// contents are never taken for control tokens; `*out_text` is the text with
/// all of them spelled out. Either may be null where it is not wanted. Fails
/// where the module has no template that can be used, where the template
/// refuses the conversation, and where it leaves out a message.
STERNA_API sterna_status_t sterna_tokenizer_render_chat(
    const sterna_tokenizer_t *tokenizer, const sterna_message_t *messages,
    size_t count, int open, sterna_buffer_t **out_tokens,
    sterna_buffer_t **out_text);

/// Why conversations cannot be rendered, or what the vocabulary lacks for them:
/// a sentence for the user, valid as long as the tokenizer; empty where all is
/// well.
STERNA_API sterna_string_view_t
sterna_tokenizer_chat_notice(const sterna_tokenizer_t *tokenizer);

//===----------------------------------------------------------------------===//
// Adapter
//===----------------------------------------------------------------------===//

/// LoRA matrices in the host's memory, and the factor of their product.
typedef struct sterna_adapter sterna_adapter_t;

typedef struct sterna_adapter_options_t {
  size_t size;
  /// The factor is alpha / rank. Default: 16.
  double alpha;
  /// Of the random numbers in A. Default: 42.
  uint64_t seed;
} sterna_adapter_options_t;

/// Writes the defaults to `*out_options`, which has `size` bytes.
STERNA_API void
sterna_adapter_options_init(size_t size, sterna_adapter_options_t *out_options);

/// A fresh adapter of the compiled rank for every linear that `module` was
/// compiled for: A random, B zero, so that nothing changes before it is
/// trained. `options` may be null. The caller holds one reference.
STERNA_API sterna_status_t sterna_adapter_create(
    const sterna_module_t *module, const sterna_adapter_options_t *options,
    sterna_adapter_t **out_adapter);

/// Reads the PEFT folder `path`. Whether it fits a module is seen when it is
/// set. The caller holds one reference.
STERNA_API sterna_status_t sterna_adapter_load(sterna_string_view_t path,
                                               sterna_adapter_t **out_adapter);

/// Writes the adapter into the PEFT folder `path`, which is created if needed;
/// an adapter there is replaced.
STERNA_API sterna_status_t sterna_adapter_save(const sterna_adapter_t *adapter,
                                               sterna_string_view_t path);

/// A matrix of an adapter, row-major f32.
typedef struct sterna_matrix_t {
  size_t size;
  /// As PEFT calls it, such as
  /// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight".
  sterna_string_view_t name;
  uint64_t rows;
  uint64_t columns;
  const float *data;
} sterna_matrix_t;

/// Matrices of the adapter, two for each linear; 0 for null.
STERNA_API size_t sterna_adapter_matrix_count(const sterna_adapter_t *adapter);

/// Describes the matrix at `index`. Pointers are valid as long as the adapter.
STERNA_API sterna_status_t sterna_adapter_matrix(
    const sterna_adapter_t *adapter, size_t index, sterna_matrix_t *out_matrix);

/// An adapter of `count` matrices, which are copied, and the factor `scale`.
/// Every linear has both of its matrices, of one rank. Fails, naming the
/// matrix, where that is not so. The caller holds one reference.
STERNA_API sterna_status_t
sterna_adapter_assemble(const sterna_matrix_t *matrices, size_t count,
                        double scale, sterna_adapter_t **out_adapter);

/// Adds a reference. Null is allowed.
STERNA_API void sterna_adapter_retain(sterna_adapter_t *adapter);

/// Gives up a reference. Null is allowed.
STERNA_API void sterna_adapter_release(sterna_adapter_t *adapter);

/// The factor that the adapter's product is multiplied by; 0 for null.
STERNA_API double sterna_adapter_scale(const sterna_adapter_t *adapter);

/// Sets the factor, a finite number: it counts where the adapter is set from
/// now on, and is saved with it.
STERNA_API sterna_status_t sterna_adapter_set_scale(sterna_adapter_t *adapter,
                                                    double scale);

/// What generators, evaluation and trainers of `session` use from now on: a
/// copy of `adapter`, or the base model if it is null, as at first. Linears
/// that the adapter leaves out are as in the base model. Generators must be
/// reset, trainers created anew. Fails, without effect, if the adapter does
/// not fit the module.
STERNA_API sterna_status_t sterna_session_set_adapter(
    sterna_session_t *session, const sterna_adapter_t *adapter);

/// A copy of the session's adapter as it is now, trained. Fails if there is
/// none. The caller holds one reference.
STERNA_API sterna_status_t sterna_session_read_adapter(
    sterna_session_t *session, sterna_adapter_t **out_adapter);

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// Samples, cut into windows of the module's sequence length.
typedef struct sterna_data sterna_data_t;

typedef struct sterna_data_options_t {
  size_t size;
  /// Not 0: score only what the assistant says. Default: 0.
  uint32_t assistant_only_loss;
} sterna_data_options_t;

/// Writes the defaults to `*out_options`, which has `size` bytes.
STERNA_API void sterna_data_options_init(size_t size,
                                         sterna_data_options_t *out_options);

/// Reads a file of text or of JSON lines, as docs/training.md describes.
/// `options` may be null. The caller holds one reference.
STERNA_API sterna_status_t sterna_data_load(
    sterna_module_t *module, sterna_string_view_t path,
    const sterna_data_options_t *options, sterna_data_t **out_data);

/// Reads `lines` as sterna_data_load reads a file of JSON lines.
STERNA_API sterna_status_t sterna_data_parse(
    sterna_module_t *module, sterna_string_view_t lines,
    const sterna_data_options_t *options, sterna_data_t **out_data);

/// One sample of any length.
typedef struct sterna_row_t {
  size_t count;
  const int32_t *tokens;
  /// A token for each of `tokens`, that which is to be found at its place
  /// (labels are not shifted), or -100: not scored. Null: `tokens`. The first
  /// is never scored.
  const int32_t *labels;
} sterna_row_t;

/// Data from `count` rows, which are copied. The caller holds one reference.
STERNA_API sterna_status_t sterna_data_create(sterna_module_t *module,
                                              const sterna_row_t *rows,
                                              size_t count,
                                              sterna_data_t **out_data);

/// Splits `data` by rows, chosen by `seed`: `fraction` of them, above 0 and
/// below 1, but at least one, and the rest. The caller holds a reference to
/// each part.
STERNA_API sterna_status_t sterna_data_split(const sterna_data_t *data,
                                             double fraction, uint64_t seed,
                                             sterna_data_t **out_rest,
                                             sterna_data_t **out_part);

/// Adds a reference. Null is allowed.
STERNA_API void sterna_data_retain(sterna_data_t *data);

/// Gives up a reference. Null is allowed.
STERNA_API void sterna_data_release(sterna_data_t *data);

typedef struct sterna_data_info_t {
  size_t size;
  /// Windows, each of at most the sequence length.
  uint64_t samples;
  /// In all samples.
  uint64_t tokens;
  /// Those that count for the loss.
  uint64_t scored_tokens;
} sterna_data_info_t;

STERNA_API sterna_status_t sterna_data_info(const sterna_data_t *data,
                                            sterna_data_info_t *out_info);

/// What happened to the rows: sentences for the user; 0 for null.
STERNA_API size_t sterna_data_notice_count(const sterna_data_t *data);

/// The notice at `index`; empty if there is none. Valid as long as the data.
STERNA_API sterna_string_view_t sterna_data_notice(const sterna_data_t *data,
                                                   size_t index);

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

/// Called after each batch; anything but 0 asks to stop.
typedef int (*sterna_progress_fn_t)(void *user_data, uint64_t done,
                                    uint64_t total);

typedef struct sterna_loss_t {
  size_t size;
  /// The mean over all scored tokens, in nats.
  double loss;
  uint64_t tokens;
} sterna_loss_t;

/// Measures the loss of `data` with the session's adapter. Needs the program
/// `eval`, with an adapter `eval_lora`. `progress` may be null; if it asks to
/// stop, the status is STERNA_STATUS_STOPPED.
STERNA_API sterna_status_t sterna_session_evaluate(
    sterna_session_t *session, const sterna_data_t *data,
    sterna_progress_fn_t progress, void *user_data, sterna_loss_t *out_loss);

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// The logits after each of `count` tokens, read into an empty context with the
/// session's adapter: f32 `[count, vocabulary]`, to `out_logits` of `size`
/// bytes, which must be exactly that. Programs are those that a generator
/// needs; generators must be reset.
STERNA_API sterna_status_t sterna_session_logits(sterna_session_t *session,
                                                 const int32_t *tokens,
                                                 size_t count, size_t size,
                                                 float *out_logits);

/// The same of the final hidden state, which the head reads: f32
/// `[count, hidden_size]`.
STERNA_API sterna_status_t sterna_session_hidden(sterna_session_t *session,
                                                 const int32_t *tokens,
                                                 size_t count, size_t size,
                                                 float *out_hidden);

/// The gradients of the loss of the first sample of `data`, the mean over its
/// scored tokens, with respect to the session's adapter: an adapter with the
/// gradients in place of the matrices, to which the caller holds one reference.
/// `seed` is of stochastic rounding. Needs the programs `train_micro` and
/// `train_apply`. A trainer of the session goes on as if this had not been
/// asked.
STERNA_API sterna_status_t sterna_session_gradients(
    sterna_session_t *session, const sterna_data_t *data, uint64_t seed,
    double *out_loss, sterna_adapter_t **out_gradients);

//===----------------------------------------------------------------------===//
// Generator
//===----------------------------------------------------------------------===//

typedef struct sterna_generator sterna_generator_t;

/// Where guesses at the next tokens come from, which one run then checks. They
/// change no token, only the time that it takes.
typedef enum sterna_draft_t {
  STERNA_DRAFT_NONE = 0,
  /// What followed the last tokens before. Needs a module that was compiled
  /// with
  /// --draft-tokens.
  STERNA_DRAFT_NGRAM = 1
} sterna_draft_t;

typedef struct sterna_generator_options_t {
  size_t size;
  /// 0: the most likely token; higher is more varied. Default: 0.
  double temperature;
  /// Sample from the fewest tokens that hold this probability. Default: 1.
  double top_p;
  /// Sample from so many most likely tokens; 0: all. Default: 0.
  uint32_t top_k;
  /// Equal seeds, options and prompts give equal tokens. Default: 0.
  uint64_t seed;
  /// The most tokens of a generation. Default: 64.
  uint64_t max_tokens;
  /// Texts that end a generation and are not part of it. Default: none.
  size_t stop_string_count;
  const sterna_string_view_t *stop_strings;
  /// Tokens that end a generation, beside those of the vocabulary. Default:
  /// none.
  size_t end_token_count;
  const int32_t *end_tokens;
  /// Default: STERNA_DRAFT_NONE.
  sterna_draft_t draft;
} sterna_generator_options_t;

/// Writes the defaults to `*out_options`, which has `size` bytes.
STERNA_API void
sterna_generator_options_init(size_t size,
                              sterna_generator_options_t *out_options);

/// A generator with an empty context and the session's adapter. Needs the
/// program `head` and some of `forward_N`, with an adapter `forward_N_lora`. A
/// session has one context: of several generators, that which was reset last
/// can go on, unless a program was run or a state tensor written by name since.
/// `options` may be null, and is copied.
STERNA_API sterna_status_t sterna_generator_create(
    sterna_session_t *session, const sterna_generator_options_t *options,
    sterna_generator_t **out_generator);

/// Releases a generator, which may be null.
STERNA_API void sterna_generator_release(sterna_generator_t *generator);

/// Reads `count` tokens, a prompt, after all that was read and generated
/// before, and begins a generation there. Fails, without effect, if a token is
/// not in the vocabulary or they do not fit the context.
STERNA_API sterna_status_t sterna_generator_append(
    sterna_generator_t *generator, const int32_t *tokens, size_t count);

/// Tokens in the context; 0 for null.
STERNA_API uint32_t
sterna_generator_position(const sterna_generator_t *generator);

/// Why a generation ended.
typedef enum sterna_stop_t {
  /// It goes on.
  STERNA_STOP_NONE = 0,
  /// `max_tokens` were generated.
  STERNA_STOP_LENGTH = 1,
  /// At a token that ends a text, which is not part of it.
  STERNA_STOP_END = 2,
  /// The context is full.
  STERNA_STOP_CONTEXT = 3,
  /// At a stop string.
  STERNA_STOP_STRING = 4,
  /// The callback asked to stop.
  STERNA_STOP_CALLER = 5
} sterna_stop_t;

/// One step of a generation.
typedef struct sterna_piece_t {
  size_t size;
  /// -1 where the generation ended.
  int32_t token;
  sterna_stop_t stop;
  /// The text that `token` completes, valid UTF-8, often empty; where the
  /// generation ended, what was held back. Empty in a module without tokenizer.
  /// Valid until the generator is used again.
  sterna_string_view_t text;
} sterna_piece_t;

/// The next step of the generation. Once it ended, each call says why.
STERNA_API sterna_status_t sterna_generator_next(sterna_generator_t *generator,
                                                 sterna_piece_t *out_piece);

/// Called with each step; anything but 0 asks to stop. It must not use the
/// generator.
typedef int (*sterna_piece_fn_t)(void *user_data, const sterna_piece_t *piece);

/// Runs the generation to its end, or until `callback`, which may be null, asks
/// to stop: then it can be run on.
STERNA_API sterna_status_t sterna_generator_run(sterna_generator_t *generator,
                                                sterna_piece_fn_t callback,
                                                void *user_data,
                                                sterna_stop_t *out_stop);

/// Empties the context, begins the random numbers anew and takes the session's
/// adapter.
STERNA_API sterna_status_t
sterna_generator_reset(sterna_generator_t *generator);

//===----------------------------------------------------------------------===//
// Trainer
//===----------------------------------------------------------------------===//

typedef struct sterna_trainer sterna_trainer_t;

typedef enum sterna_scheduler_t {
  STERNA_SCHEDULER_CONSTANT = 0,
  STERNA_SCHEDULER_COSINE = 1,
  STERNA_SCHEDULER_LINEAR = 2
} sterna_scheduler_t;

typedef struct sterna_trainer_options_t {
  size_t size;
  /// Passes over the data. Default: 1.
  uint64_t epochs;
  /// Optimizer steps of the run, whatever `epochs` says; 0: as it says.
  /// Default: 0.
  uint64_t max_steps;
  /// The highest learning rate. Default: 2e-4.
  double learning_rate;
  /// How it falls after the warm-up, a sterna_scheduler_t, and to which rate.
  /// Default: it stays; 0.
  uint32_t scheduler;
  double learning_rate_minimum;
  /// Steps that warm up, or their share of all steps; one of both. Default: 0.
  uint64_t warmup_steps;
  double warmup_ratio;
  /// Decoupled weight decay. Default: 0.01.
  double weight_decay;
  /// The largest norm of the gradients; 0: no clipping; -1, the default:
  /// 1, or none where the module was compiled not to clip.
  double grad_clip;
  /// Batches of a step. Default: 1.
  uint32_t grad_accumulation;
  /// Not 0: samples in the order of the data. Default: 0.
  uint32_t no_shuffle;
  /// Of the order of samples and of stochastic rounding. Default: 42.
  uint64_t seed;
  /// The weight mu of FedProx's term mu/2 ||w - w0||^2, which keeps the adapter
  /// near where the run began. Losses are without it. Default: 0.
  double proximal_mu;
} sterna_trainer_options_t;

/// Writes the defaults to `*out_options`, which has `size` bytes.
STERNA_API void
sterna_trainer_options_init(size_t size, sterna_trainer_options_t *out_options);

/// Sets the option `name`, such as "learning-rate", as --name=value of
/// `sterna-run train` does; a flag takes "true" or "false". `options` have been
/// initialised. Fails, naming it, for an unknown option or value; `options` are
/// as they were then.
STERNA_API sterna_status_t sterna_trainer_options_set(
    sterna_trainer_options_t *options, sterna_string_view_t name,
    sterna_string_view_t value);

/// The number of such options, and the name and help of one, and what stands
/// for its value in --help, empty for a flag; all empty beyond the last.
STERNA_API size_t sterna_trainer_option_count(void);
STERNA_API sterna_string_view_t sterna_trainer_option_name(size_t index);
STERNA_API sterna_string_view_t sterna_trainer_option_help(size_t index);
STERNA_API sterna_string_view_t sterna_trainer_option_placeholder(size_t index);

/// A run that trains the session's adapter. Needs the programs `train_micro`
/// and `train_apply`, or `train_step`, and `eval_lora` for `validation`, which
/// may be null, like `options`.
STERNA_API sterna_status_t sterna_trainer_create(
    sterna_session_t *session, const sterna_data_t *training,
    const sterna_data_t *validation, const sterna_trainer_options_t *options,
    sterna_trainer_t **out_trainer);

/// Releases a trainer, which may be null. The session keeps the adapter.
STERNA_API void sterna_trainer_release(sterna_trainer_t *trainer);

/// Steps of the whole run; 0 for null.
STERNA_API uint64_t sterna_trainer_steps(const sterna_trainer_t *trainer);

/// What an optimizer step did.
typedef struct sterna_step_t {
  size_t size;
  /// Counts from 1; 0: the run is over, nothing was done. Steps without a
  /// scored token are passed over.
  uint64_t step;
  /// The mean over the step's scored tokens, in nats.
  double loss;
  /// Of the gradients, before clipping.
  double grad_norm;
  double learning_rate;
  /// Tokens that are not padding.
  uint64_t tokens;
  double seconds;
} sterna_step_t;

/// Runs the next step. Fails, with the adapter as it was before the step, if
/// the loss or a gradient is not finite. Generators must be reset.
STERNA_API sterna_status_t sterna_trainer_step(sterna_trainer_t *trainer,
                                               sterna_step_t *out_step);

/// Called after each step; anything but 0 asks to stop.
typedef int (*sterna_step_fn_t)(void *user_data, const sterna_step_t *step);

/// Runs the steps that are left, or until `callback`, which may be null, asks
/// to stop: then it can be run on. `out_last` is the last step that ran; its
/// `step` is 0 if there was none.
STERNA_API sterna_status_t sterna_trainer_run(sterna_trainer_t *trainer,
                                              sterna_step_fn_t callback,
                                              void *user_data,
                                              sterna_step_t *out_last);

/// The loss of the validation data, measured now. `progress` is as in
/// sterna_session_evaluate. INVALID_ARGUMENT without such data.
STERNA_API sterna_status_t sterna_trainer_validate(
    sterna_trainer_t *trainer, sterna_progress_fn_t progress, void *user_data,
    sterna_loss_t *out_loss);

/// The loss of the samples of the run's first step, measured now: beside that
/// step's own loss, what was learned.
STERNA_API sterna_status_t
sterna_trainer_first_step_loss(sterna_trainer_t *trainer, double *out_loss);

/// All that the run depends on, beside its data and options: the adapter, the
/// optimizer's moments, the step. The bytes are those of a safetensors file.
STERNA_API sterna_status_t sterna_trainer_read_state(
    sterna_trainer_t *trainer, sterna_buffer_t **out_state);

/// Goes on from a state of a run with equal module, data and options: all steps
/// that follow are those of that run, to the bit. Fails, without effect, where
/// it does not fit the module.
STERNA_API sterna_status_t sterna_trainer_restore_state(
    sterna_trainer_t *trainer, const void *state, size_t size);

#ifdef __cplusplus
}
#endif

#endif // STERNA_LANGUAGE_MODEL_H
