//===- Compiler.h - C API of the compiler -------------------------*- C -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles a model, or IR that a phase has written, to a file. C11. Options go
// by the names that sterna-compile --help lists, without the dashes. Nothing
// prints, and no state is kept between two compilations, of which a process
// runs one at a time: another waits.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_C_COMPILER_H
#define STERNA_C_COMPILER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A piece of text, not terminated, valid during the call that hands it over.
typedef struct sterna_text_t {
  const char *data;
  size_t size;
} sterna_text_t;

/// How much a message matters; see Severity of sterna/Driver/Compiler.h.
typedef enum sterna_severity_t {
  STERNA_SEVERITY_ERROR = 0,
  STERNA_SEVERITY_NOTE = 1,
  STERNA_SEVERITY_NOTICE = 2,
  STERNA_SEVERITY_REPORT = 3
} sterna_severity_t;

/// Who is told what; each function may be null. They are called on the thread
/// of sterna_compile, with `user`.
typedef struct sterna_compile_listener_t {
  void *user;
  void (*message)(void *user, sterna_severity_t severity, sterna_text_t text);
  /// A step begins (`seconds` is negative) or has ended after `seconds`.
  void (*progress)(void *user, sterna_text_t step, double seconds);
} sterna_compile_listener_t;

/// Options of compilations.
typedef struct sterna_compile_options sterna_compile_options_t;

/// Returns options with their defaults, which the caller destroys.
sterna_compile_options_t *sterna_compile_options_create(void);

/// Destroys options, which may be null.
void sterna_compile_options_destroy(sterna_compile_options_t *options);

/// Sets the option `name`, such as "seq-len", as --name=value does; a flag
/// takes "true" or "false". For executables, "runtime-folder" says where their
/// runtimes lie. Returns false, after a message to `listener`, which may be
/// null, for an unknown option or value; `options` are as they were then.
bool sterna_compile_options_set(sterna_compile_options_t *options,
                                const char *name, const char *value,
                                const sterna_compile_listener_t *listener);

/// The number of options, and the name and help of one, and what stands for its
/// value in --help, empty for a flag; null beyond the last.
size_t sterna_compile_option_count(void);
const char *sterna_compile_option_name(size_t index);
const char *sterna_compile_option_help(size_t index);
const char *sterna_compile_option_placeholder(size_t index);

/// Compiles `input` to `output` as `options`, or the defaults if null, say.
/// Returns whether it succeeded; if not, `listener`, which may be null, got one
/// message of severity error, and nothing is left of what was begun.
bool sterna_compile(const char *input, const char *output,
                    const sterna_compile_options_t *options,
                    const sterna_compile_listener_t *listener);

/// Runs passes over the module that `text` is: `pipeline` is as in sterna-opt
/// --pass-pipeline, or names of passes with commas. Calls `output` with `user`
/// and the module's text. Returns whether it succeeded, as sterna_compile does.
bool sterna_run_passes(sterna_text_t text, const char *pipeline,
                       const sterna_compile_listener_t *listener,
                       void (*output)(void *user, sterna_text_t text),
                       void *user);

#ifdef __cplusplus
}
#endif

#endif // STERNA_C_COMPILER_H
