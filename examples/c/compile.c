/* compile.c - compiles a model
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * What sterna-compile does, through the C API of the compiler alone:
 *
 *   compile MODEL OUTPUT [NAME=VALUE...]
 *
 * Options are those of sterna-compile --help, without the dashes. */

#include "sterna-c/Compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_message(void *user_data, sterna_severity_t severity,
                         sterna_text_t text) {
  static const char *const prefixes[] = {
      "compile: error: ", "compile: note: ", "compile: notice: ", ""};
  (void)user_data;
  fprintf(stderr, "%s%.*s\n", prefixes[severity], (int)text.size, text.data);
}

static const sterna_compile_listener_t listener = {NULL, show_message, NULL};

/* Sets the option of NAME=VALUE; a name alone is a flag. */
static bool set(sterna_compile_options_t *options, char *argument) {
  char *equals = strchr(argument, '=');
  if (!equals)
    return sterna_compile_options_set(options, argument, "true", &listener);
  *equals = '\0';
  return sterna_compile_options_set(options, argument, equals + 1, &listener);
}

int main(int argc, char **argv) {
  sterna_compile_options_t *options;
  bool succeeded = true;
  int i;
  if (argc < 3) {
    fprintf(stderr, "usage: compile MODEL OUTPUT [NAME=VALUE...]\n");
    return 2;
  }
  options = sterna_compile_options_create();
  for (i = 3; i < argc && succeeded; ++i)
    succeeded = set(options, argv[i]);
  succeeded = succeeded && sterna_compile(argv[1], argv[2], options, &listener);
  sterna_compile_options_destroy(options);
  return succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}
