//===- Compiler.cpp - C API of the compiler -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna-c/Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "sterna-c/Compiler.h"

#include "sterna/Driver/Compiler.h"

using namespace sterna;
using llvm::StringRef;

struct sterna_compile_options {
  CompileOptions value;
};

static sterna_text_t toText(StringRef text) {
  return {text.data(), text.size()};
}

static void tell(const sterna_compile_listener_t *listener, Severity severity,
                 StringRef message) {
  if (listener && listener->message)
    listener->message(listener->user, sterna_severity_t(severity),
                      toText(message));
}

static CompileListener toListener(const sterna_compile_listener_t *listener) {
  CompileListener result;
  result.message = [listener](Severity severity, StringRef message) {
    tell(listener, severity, message);
  };
  if (!listener || !listener->progress)
    return result;
  result.progress.begins = [listener](StringRef step) {
    listener->progress(listener->user, toText(step), -1);
  };
  result.progress.ends = [listener](StringRef step, double seconds) {
    listener->progress(listener->user, toText(step), seconds);
  };
  return result;
}

sterna_compile_options_t *sterna_compile_options_create(void) {
  return new sterna_compile_options();
}

void sterna_compile_options_destroy(sterna_compile_options_t *options) {
  delete options;
}

bool sterna_compile_options_set(sterna_compile_options_t *options,
                                const char *name, const char *value,
                                const sterna_compile_listener_t *listener) {
  if (!options || !name || !value) {
    tell(listener, Severity::Error,
         "expected options, a name and a value, but got null");
    return false;
  }
  if (llvm::Error error = setOption(options->value, name, value)) {
    tell(listener, Severity::Error, llvm::toString(std::move(error)));
    return false;
  }
  return true;
}

size_t sterna_compile_option_count(void) { return getOptionTable().size(); }

const char *sterna_compile_option_name(size_t index) {
  // The table's texts are literals.
  return index < getOptionTable().size() ? getOptionTable()[index].name.data()
                                         : nullptr;
}

const char *sterna_compile_option_placeholder(size_t index) {
  if (index >= getOptionTable().size())
    return nullptr;
  StringRef placeholder = getOptionTable()[index].placeholder;
  return placeholder.empty() ? "" : placeholder.data();
}

const char *sterna_compile_option_help(size_t index) {
  return index < getOptionTable().size() ? getOptionTable()[index].help.data()
                                         : nullptr;
}

bool sterna_compile(const char *input, const char *output,
                    const sterna_compile_options_t *options,
                    const sterna_compile_listener_t *listener) {
  if (!input || !output) {
    tell(listener, Severity::Error,
         "expected an input and an output, but got null");
    return false;
  }
  CompileOptions all = options ? options->value : CompileOptions();
  all.input = input;
  all.output = output;
  return succeeded(compile(all, toListener(listener)));
}

bool sterna_run_passes(sterna_text_t text, const char *pipeline,
                       const sterna_compile_listener_t *listener,
                       void (*output)(void *user, sterna_text_t text),
                       void *user) {
  if (!text.data || !pipeline || !output) {
    tell(listener, Severity::Error,
         "expected a text, a pipeline and a function, but got null");
    return false;
  }
  auto result =
      runPasses({text.data, text.size}, pipeline, toListener(listener));
  if (failed(result))
    return false;
  output(user, toText(*result));
  return true;
}
