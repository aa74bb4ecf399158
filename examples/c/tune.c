/* tune.c - tunes an adapter and generates with it
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * What an application does with a model, through the C API alone:
 *
 *   tune MODEL.stn TRAINING VALIDATION OUTPUT PROMPT [STEPS [TOKENS]]
 *
 * TRAINING and VALIDATION are data as docs/training.md describes, OUTPUT is the
 * folder that the adapter goes to. Losses go to standard error, the text to
 * standard output. */

#include "sterna/sterna.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sterna_string_view_t view(const char *text) {
  sterna_string_view_t result = {text, strlen(text)};
  return result;
}

/* Ends the program if a call has failed. One that goes on would release the
 * status: sterna_status_release(status). */
static void check(sterna_status_t status) {
  sterna_string_view_t message = sterna_status_message(status);
  if (sterna_status_code(status) == STERNA_STATUS_OK)
    return;
  fprintf(stderr, "tune: error: %.*s\n", (int)message.size, message.data);
  exit(1);
}

/* A number of at least 1, or `fallback` where there is no argument. */
static uint64_t number(int argc, char **argv, int index, uint64_t fallback) {
  char *end;
  unsigned long long value;
  if (index >= argc)
    return fallback;
  value = strtoull(argv[index], &end, 10);
  if (value == 0 || *end != '\0' || argv[index][0] == '-') {
    fprintf(stderr, "tune: error: expected a number, but got '%s'\n",
            argv[index]);
    exit(1);
  }
  return value;
}

static int show_step(void *user_data, const sterna_step_t *step) {
  (void)user_data;
  fprintf(stderr, "step %llu: loss %.6f, learning rate %.2e\n",
          (unsigned long long)step->step, step->loss, step->learning_rate);
  return 0; /* anything else stops the run, to go on later */
}

static int show_piece(void *user_data, const sterna_piece_t *piece) {
  (void)user_data;
  fwrite(piece->text.data, 1, piece->text.size, stdout);
  fflush(stdout);
  return 0;
}

static sterna_data_t *load_data(sterna_module_t *module, const char *path) {
  sterna_data_t *data;
  check(sterna_data_load(module, view(path), NULL, &data));
  for (size_t i = 0; i < sterna_data_notice_count(data); ++i) {
    sterna_string_view_t notice = sterna_data_notice(data, i);
    fprintf(stderr, "%s: %.*s\n", path, (int)notice.size, notice.data);
  }
  return data;
}

static double validate(sterna_trainer_t *trainer) {
  sterna_loss_t loss = {0};
  loss.size = sizeof(loss);
  check(sterna_trainer_validate(trainer, NULL, NULL, &loss));
  return loss.loss;
}

/* Trains the session's adapter. */
static void train(sterna_session_t *session, sterna_module_t *module,
                  const char *training_path, const char *validation_path,
                  uint64_t steps) {
  sterna_data_t *training = load_data(module, training_path);
  sterna_data_t *validation = load_data(module, validation_path);
  sterna_trainer_options_t options;
  sterna_trainer_t *trainer;
  sterna_step_t last = {0};
  double before;
  sterna_trainer_options_init(sizeof(options), &options);
  options.max_steps = steps;
  options.learning_rate = 1e-3;
  options.scheduler = STERNA_SCHEDULER_COSINE;
  check(
      sterna_trainer_create(session, training, validation, &options, &trainer));
  before = validate(trainer);
  last.size = sizeof(last);
  check(sterna_trainer_run(trainer, show_step, NULL, &last));
  fprintf(stderr, "validation loss %.6f -> %.6f\n", before, validate(trainer));
  sterna_trainer_release(trainer);
  sterna_data_release(training);
  sterna_data_release(validation);
}

/* Continues `prompt`, to standard output. */
static void generate(sterna_session_t *session, sterna_module_t *module,
                     const char *prompt, uint64_t tokens) {
  sterna_tokenizer_t *tokenizer;
  sterna_buffer_t *ids;
  sterna_generator_options_t options;
  sterna_generator_t *generator;
  sterna_stop_t stop;
  check(sterna_tokenizer_create(module, &tokenizer));
  check(sterna_tokenizer_encode(tokenizer, view(prompt),
                                STERNA_ENCODE_BOS | STERNA_ENCODE_SPECIAL,
                                &ids));
  sterna_generator_options_init(sizeof(options), &options);
  options.max_tokens = tokens;
  check(sterna_generator_create(session, &options, &generator));
  check(sterna_generator_append(generator, sterna_buffer_data(ids),
                                sterna_buffer_size(ids) / sizeof(int32_t)));
  check(sterna_generator_run(generator, show_piece, NULL, &stop));
  printf("\n");
  sterna_generator_release(generator);
  sterna_buffer_release(ids);
  sterna_tokenizer_release(tokenizer);
}

int main(int argc, char **argv) {
  sterna_module_t *module;
  sterna_session_t *session;
  sterna_adapter_t *adapter;
  if (argc < 6 || argc > 8) {
    fprintf(stderr, "usage: tune MODEL.stn TRAINING VALIDATION OUTPUT PROMPT "
                    "[STEPS [TOKENS]]\n");
    return 2;
  }
  check(sterna_module_load(view(argv[1]), &module));
  check(sterna_session_create(module, NULL, &session));
  check(sterna_adapter_create(module, NULL, &adapter));
  check(sterna_session_set_adapter(session, adapter));
  sterna_adapter_release(adapter);

  train(session, module, argv[2], argv[3], number(argc, argv, 6, 50));
  check(sterna_session_read_adapter(session, &adapter));
  check(sterna_adapter_save(adapter, view(argv[4])));
  sterna_adapter_release(adapter);

  generate(session, module, argv[5], number(argc, argv, 7, 64));
  sterna_session_release(session);
  sterna_module_release(module);
  return ferror(stdout) || fflush(stdout) != 0;
}
