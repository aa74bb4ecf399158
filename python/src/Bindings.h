//===- Bindings.h - What bindings of the runtime share ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handles that release themselves, statuses that become exceptions, and the
// rule that one thread at a time uses a session. The classes have the functions
// of sterna.h as methods; what is convenient is written in Python on them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_PYTHON_BINDINGS_H
#define STERNA_PYTHON_BINDINGS_H

#include "sterna/sterna.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

namespace sterna_python {

namespace nb = nanobind;

/// Tokens of any buffer of i32, or of what DLPack exports.
using Tokens =
    nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Throws ValueError for arguments that are not right, else sterna.Error.
void check(sterna_status_t status);

/// For loops of the runtime: whether the interpreter was interrupted; then the
/// status that comes back is for checkStopped.
int askToStop(void *, uint64_t done, uint64_t total);
void checkStopped(sterna_status_t status);

inline sterna_string_view_t view(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view text(sterna_string_view_t view) {
  return view.data ? std::string_view(view.data, view.size)
                   : std::string_view();
}

/// A handle of the C API and how it is released.
template <typename T, void (*release)(T *)> struct Releaser {
  void operator()(T *handle) const { release(handle); }
};
template <typename T, void (*release)(T *)>
using Handle = std::unique_ptr<T, Releaser<T, release>>;

using Module = Handle<sterna_module_t, sterna_module_release>;
using Tokenizer = Handle<sterna_tokenizer_t, sterna_tokenizer_release>;
using Adapter = Handle<sterna_adapter_t, sterna_adapter_release>;
using Data = Handle<sterna_data_t, sterna_data_release>;
using Buffer = Handle<sterna_buffer_t, sterna_buffer_release>;

/// A session and whether a thread is in it.
struct Session {
  Handle<sterna_session_t, sterna_session_release> handle;
  std::atomic<bool> busy{false};
};

/// Marks a session as used by this thread, without the interpreter's lock;
/// throws RuntimeError where another is in it.
class InSession {
public:
  explicit InSession(Session &session) : session(session) {
    if (session.busy.exchange(true))
      throw std::runtime_error(
          "the model is in use by another thread: one at a time runs it");
  }
  ~InSession() { session.busy = false; }
  InSession(const InSession &) = delete;
  InSession &operator=(const InSession &) = delete;

private:
  Session &session;
  nb::gil_scoped_release unlocked;
};

/// The bytes of a buffer as text, and as an array of i32.
nb::str toText(Buffer buffer);
nb::ndarray<nb::numpy, int32_t> toTokens(Buffer buffer);

/// An array of f32 that owns its elements.
using FloatArray = nb::ndarray<nb::numpy, float>;
FloatArray makeFloats(std::initializer_list<size_t> shape);

struct SessionClass {
  std::shared_ptr<Session> session;
};
struct ModuleClass {
  std::shared_ptr<sterna_module_t> module;
};
struct AdapterClass {
  std::shared_ptr<sterna_adapter_t> adapter;
};
struct DataClass {
  std::shared_ptr<sterna_data_t> data;
};

void addModule(nb::module_ &m);
void addSession(nb::module_ &m);
void addAdapter(nb::module_ &m);
void addData(nb::module_ &m);
void addGenerator(nb::module_ &m);
void addTrainer(nb::module_ &m);

} // namespace sterna_python

#endif // STERNA_PYTHON_BINDINGS_H
