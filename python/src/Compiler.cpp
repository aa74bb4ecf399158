//===- Compiler.cpp - The module sterna._compiler -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bindings of sterna-c/Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "sterna-c/Compiler.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>

namespace nb = nanobind;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// What Python wants to hear; its exceptions end the compilation when it is
/// over, for the compiler cannot be left.
struct Listener {
  nb::object message;  // (text, severity)
  nb::object progress; // (step, seconds, negative where it begins)
  nb::python_error *raised = nullptr;

  ~Listener() { delete raised; }

  template <typename Value>
  void call(nb::object &function, sterna_text_t text, Value value) {
    nb::gil_scoped_acquire locked;
    if (raised || function.is_none())
      return;
    try {
      // Text may have bytes of a file.
      function(nb::steal(PyUnicode_DecodeUTF8(text.data, Py_ssize_t(text.size),
                                              "replace")),
               value);
    } catch (nb::python_error &error) {
      raised = new nb::python_error(std::move(error));
    }
  }
};

sterna_compile_listener_t listenerOf(Listener &listener) {
  sterna_compile_listener_t result = {};
  result.user = &listener;
  result.message = [](void *user, sterna_severity_t severity,
                      sterna_text_t text) {
    auto &self = *static_cast<Listener *>(user);
    self.call(self.message, text, int(severity));
  };
  result.progress = [](void *user, sterna_text_t step, double seconds) {
    auto &self = *static_cast<Listener *>(user);
    self.call(self.progress, step, seconds);
  };
  return result;
}

/// Name, placeholder and help of each option.
nb::list options() {
  nb::list result;
  for (size_t i = 0; i < sterna_compile_option_count(); ++i)
    result.append(nb::make_tuple(sterna_compile_option_name(i),
                                 sterna_compile_option_placeholder(i),
                                 sterna_compile_option_help(i)));
  return result;
}

/// Whether it succeeded; the messages say why not.
bool compile(const std::string &input, const std::string &output,
             const Pairs &given, nb::object message, nb::object progress) {
  Listener listener{std::move(message), std::move(progress)};
  sterna_compile_listener_t told = listenerOf(listener);
  std::unique_ptr<sterna_compile_options_t,
                  decltype(&sterna_compile_options_destroy)>
      options(sterna_compile_options_create(), sterna_compile_options_destroy);
  bool succeeded = true;
  {
    nb::gil_scoped_release unlocked;
    for (const auto &[name, value] : given)
      succeeded =
          succeeded && sterna_compile_options_set(options.get(), name.c_str(),
                                                  value.c_str(), &told);
    succeeded = succeeded && sterna_compile(input.c_str(), output.c_str(),
                                            options.get(), &told);
  }
  if (listener.raised)
    throw nb::python_error(std::move(*listener.raised));
  return succeeded;
}

/// The module's text after the passes; None where they failed.
nb::object runPasses(const std::string &text, const std::string &pipeline,
                     nb::object message) {
  Listener listener{std::move(message), nb::none()};
  sterna_compile_listener_t told = listenerOf(listener);
  std::string result;
  auto take = [](void *user, sterna_text_t output) {
    static_cast<std::string *>(user)->assign(output.data, output.size);
  };
  bool succeeded = false;
  {
    nb::gil_scoped_release unlocked;
    succeeded = sterna_run_passes({text.data(), text.size()}, pipeline.c_str(),
                                  &told, take, &result);
  }
  if (listener.raised)
    throw nb::python_error(std::move(*listener.raised));
  return succeeded ? nb::object(nb::str(result.data(), result.size()))
                   : nb::none();
}

} // namespace

NB_MODULE(_compiler, m) {
  m.doc() = "Bindings of sterna-c/Compiler.h.";
  m.def("options", &options);
  m.def("compile", &compile, nb::arg("input"), nb::arg("output"),
        nb::arg("options"), nb::arg("message").none(),
        nb::arg("progress").none());
  m.def("run_passes", &runPasses, nb::arg("text"), nb::arg("pipeline"),
        nb::arg("message").none());
}
