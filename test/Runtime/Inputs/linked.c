/* linked.c - a program that is linked with a model's code
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Writes the logits after each of 16 tokens, as an application would compute
 * them: through the C API, with kernels that are part of the program.
 *
 *   linked MODEL.stn OUTPUT
 *
 * OUTPUT holds 16 * VOCABULARY f32 of the machine. HEADER, CODE, HIDDEN and
 * VOCABULARY are defined by the command that compiles this.
 */

#include HEADER
#include "sterna/sterna.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { count = 16 };

static sterna_string_view_t view(const char *text) {
  sterna_string_view_t result = {text, strlen(text)};
  return result;
}

static void check(sterna_status_t status) {
  sterna_string_view_t message = sterna_status_message(status);
  if (sterna_status_code(status) == STERNA_STATUS_OK)
    return;
  fprintf(stderr, "linked: error: %.*s\n", (int)message.size, message.data);
  exit(1);
}

int main(int argc, char **argv) {
  sterna_string_view_t forward = view("forward_16"), head = view("head");
  sterna_string_view_t programs[] = {forward, head};
  sterna_session_options_t options = {sizeof(options), 2, 2, programs, {0, 0}};
  sterna_module_t *module;
  sterna_session_t *session;
  int32_t tokens[count], position = 0, length = count;
  static float hidden[count][HIDDEN], logits[count][VOCABULARY];
  if (argc != 3)
    return 2;
  check(sterna_module_load_linked(view(argv[1]), &CODE, &module));
  check(sterna_session_create(module, &options, &session));
  sterna_module_release(module);
  for (int i = 0; i < count; ++i)
    tokens[i] = 1 + 7 * i;
  check(sterna_session_write_input(session, forward, view("tokens"), tokens,
                                   sizeof(tokens)));
  check(sterna_session_write_input(session, forward, view("position"),
                                   &position, sizeof(position)));
  check(sterna_session_write_input(session, forward, view("length"), &length,
                                   sizeof(length)));
  check(sterna_session_run(session, forward));
  check(sterna_session_read_output(session, forward, view("hidden"),
                                   sizeof(hidden), hidden));
  for (int i = 0; i < count; ++i) {
    check(sterna_session_write_input(session, head, view("hidden"), hidden[i],
                                     sizeof(hidden[i])));
    check(sterna_session_run(session, head));
    check(sterna_session_read_output(session, head, view("logits"),
                                     sizeof(logits[i]), logits[i]));
  }
  sterna_session_release(session);
  FILE *file = fopen(argv[2], "wb");
  if (!file || fwrite(logits, sizeof(logits), 1, file) != 1 || fclose(file))
    return 1;
  return 0;
}
