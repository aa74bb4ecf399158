//===- Status.h - Success, or one message ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the runtime's own C++ code reports failure: no exceptions, one clear
// message. Separate and header-only because every part of the runtime uses it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_STATUS_H
#define STERNA_RUNTIME_IO_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace sterna {

/// Success, or one message for the user: lower case, no full stop, says what,
/// where and what to do.
class [[nodiscard]] Status {
public:
  /// Success.
  Status() = default;

  /// Success, spelled out.
  static Status success() { return Status(); }

  /// A failure that carries `message`.
  static Status error(std::string message) {
    Status status;
    status.failed = true;
    status.text = std::move(message);
    return status;
  }

  /// True on success.
  bool ok() const { return !failed; }

  /// The message of a failure; empty on success.
  const std::string &message() const { return text; }

private:
  bool failed = false;
  std::string text;
};

/// A value, or the message that says why there is none. Both a `T` and a failed
/// `Status` convert to it, so that functions can return either.
template <class T> class [[nodiscard]] Expected {
public:
  Expected(T value) : storage(std::move(value)) {}
  Expected(Status status) : failure(std::move(status)) {
    assert(!failure.ok() && "expected a value or a failure");
  }

  /// True when there is a value.
  bool ok() const { return storage.has_value(); }

  /// The message of a failure; empty when there is a value.
  const std::string &message() const { return failure.message(); }

  /// The failure, to be returned to the caller's caller.
  const Status &status() const { return failure; }

  /// The value; only when ok().
  T &operator*() {
    assert(ok() && "no value");
    return *storage;
  }
  const T &operator*() const {
    assert(ok() && "no value");
    return *storage;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

private:
  std::optional<T> storage;
  Status failure;
};

} // namespace sterna

#endif // STERNA_RUNTIME_IO_STATUS_H
