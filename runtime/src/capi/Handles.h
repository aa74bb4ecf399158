//===- Handles.h - What the handles of the C API hold -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The structs behind sterna.h's opaque types, and what its functions share:
// arguments that are checked, options and outputs of any length, exceptions
// that become statuses. The functions themselves only translate.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CAPI_HANDLES_H
#define STERNA_RUNTIME_CAPI_HANDLES_H

#include "sterna/sterna.h"

#include "core/Profile.h"
#include "core/Session.h"
#include "generate/Generator.h"
#include "text/ChatTemplate.h"
#include "train/Adapter.h"
#include "train/TrainingRun.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>

struct sterna_status {
  sterna_status_code_t code;
  std::string message;
};

struct sterna_buffer {
  /// Bytes on the heap, whatever their number, so that they are aligned.
  explicit sterna_buffer(std::string content) : bytes(std::move(content)) {
    bytes.reserve(64);
  }

  std::string bytes;
};

/// Base of the handles that are counted.
struct sterna_counted {
  std::atomic<uint32_t> references{1};
};

struct sterna_module : sterna_counted {
  std::shared_ptr<const sterna::Module> module;

  using Tokenizer = std::shared_ptr<const sterna::TokenizerInterface>;

  /// The tokenizer, made when first asked for; fails without one.
  sterna::Expected<Tokenizer> tokenizer();
  /// The same; null without one.
  sterna::Expected<Tokenizer> tokenizerIfAny();

private:
  std::mutex mutex;
  Tokenizer made;
};

struct sterna_tokenizer : sterna_counted {
  sterna_module::Tokenizer tokenizer;
  std::optional<sterna::ChatTemplate> chat;
  std::string notice;
};

struct sterna_adapter : sterna_counted {
  sterna::PeftAdapter adapter;
  std::string origin;             // for messages
  std::vector<std::string> names; // of A and B of each pair
};

struct sterna_data : sterna_counted {
  std::shared_ptr<const sterna::Module> module;
  std::shared_ptr<const sterna::ModelData> data;
};

struct sterna_session : sterna_counted {
  ~sterna_session();

  sterna_module *module = nullptr; // retained
  std::unique_ptr<sterna::Session> session;
  std::shared_ptr<sterna::Profile> profile; // null: nothing is recorded
  std::optional<sterna::Adapter> adapter;
  uint64_t adapterVersion = 0; // rises where another adapter is set
  uint64_t trainerVersion = 0; // rises where another trainer is created
  /// Rises where the context may no longer be what a generator put there: it
  /// was emptied, read with matrices that changed since, or written by name.
  uint64_t contextVersion = 0;

  float scale() const { return adapter ? adapter->scale() : 0; }
};

namespace sterna {
namespace capi {

sterna_status_t makeStatus(sterna_status_code_t code, const Status &status);

/// A status of the code INVALID_ARGUMENT, and of FAILED.
sterna_status_t invalid(const Status &status);
sterna_status_t invalid(const char *message);
sterna_status_t failed(const Status &status);

/// The one status that is not allocated.
sterna_status_t outOfMemory();

/// An argument that must not be null, and what it should be.
struct Required {
  const void *pointer;
  const char *what;
};

/// Runs `body` unless an argument is null. Exceptions become statuses.
template <typename Body>
sterna_status_t guarded(std::initializer_list<Required> arguments, Body body) {
  try {
    for (const Required &argument : arguments)
      if (!argument.pointer)
        return invalid(Status::error("expected " + std::string(argument.what) +
                                     ", but got null"));
    return body();
  } catch (const std::bad_alloc &) {
    return outOfMemory();
  } catch (const std::exception &error) {
    return failed(Status::error(error.what()));
  }
}

/// Adds a reference to a handle that may be null.
template <typename Handle> void retain(Handle *handle) {
  if (handle)
    handle->references.fetch_add(1, std::memory_order_relaxed);
}

/// Gives up a reference to a handle that may be null.
template <typename Handle> void release(Handle *handle) {
  if (handle && handle->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete handle;
}

/// No struct of the API is longer, now or later: more is a size that was never
/// set.
constexpr size_t mostStructBytes = 4096;

/// Sets an output to nothing, unless it is null.
template <typename T> void clear(T *output) {
  if (output)
    *output = T();
}

/// The same for a struct of the caller's size, which stays.
template <typename T> void clearStruct(T *output) {
  if (output && output->size > sizeof(size_t) &&
      output->size <= mostStructBytes)
    std::memset(reinterpret_cast<char *>(output) + sizeof(size_t), 0,
                output->size - sizeof(size_t));
}

/// Writes `value` to a struct whose size the caller has set: the members that
/// both know. `first` is the size of the struct's first version.
template <typename T>
sterna_status_t writeStruct(T value, T *output, size_t first = sizeof(T)) {
  if (output->size < first || output->size > mostStructBytes)
    return invalid("expected the size of the output struct to be set");
  size_t both = std::min(output->size, sizeof(T));
  // What a later version of the struct has beyond this one is zero.
  std::memset(reinterpret_cast<char *>(output) + both, 0, output->size - both);
  value.size = output->size;
  std::memcpy(output, &value, both);
  return nullptr;
}

/// Reads options into `result`, which has the defaults: `given` may be null,
/// shorter, or longer with zeroes in what is not known here.
template <typename T>
sterna_status_t readStruct(const T *given, T &result,
                           size_t first = sizeof(T)) {
  if (!given)
    return nullptr;
  if (given->size < first || given->size > mostStructBytes)
    return invalid("expected the size of the options to be set");
  size_t both = std::min(given->size, sizeof(T));
  const char *bytes = reinterpret_cast<const char *>(given);
  if (std::any_of(bytes + both, bytes + given->size,
                  [](char byte) { return byte != 0; }))
    return invalid("the options ask for what this runtime does not know: "
                   "update it");
  std::memcpy(&result, given, both);
  return nullptr;
}

/// Writes the defaults to options of which the caller knows `size` bytes.
template <typename T> void writeDefaults(T defaults, size_t size, T *options) {
  if (!options)
    return;
  std::memset(options, 0, size);
  defaults.size = size;
  std::memcpy(options, &defaults, std::min(size, sizeof(T)));
}

inline std::string toString(sterna_string_view_t view) {
  return view.data ? std::string(view.data, view.size) : std::string();
}

inline sterna_string_view_t toView(const std::string &text) {
  return {text.data(), text.size()};
}

inline sterna_string_view_t toView(const flatbuffers::String *text) {
  if (!text)
    return {nullptr, 0};
  return {text->c_str(), text->size()};
}

/// A list that is null or has elements.
inline sterna_status_t checkList(const void *list, size_t count,
                                 const char *what) {
  if (list || count == 0)
    return nullptr;
  return invalid(Status::error("expected " + std::to_string(count) + " " +
                               what + ", but got null"));
}

/// The caller holds the adapter's one reference; `origin` is for messages.
sterna_adapter *makeAdapter(PeftAdapter adapter, std::string origin);

/// A callback as evaluation takes it; `stopped` says whether it asked to stop.
EvaluationProgress progressOf(sterna_progress_fn_t progress, void *userData,
                              bool &stopped);

/// Data must be of the session's module, whose shapes it has.
Status checkData(const sterna_session &session, const sterna_data &data);

} // namespace capi
} // namespace sterna

#endif // STERNA_RUNTIME_CAPI_HANDLES_H
