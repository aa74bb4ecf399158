//===- Progress.h - What a long computation is doing ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of the compiler tell of themselves as they begin and end, whoever
// listens.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_PROGRESS_H
#define STERNA_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"

#include <chrono>
#include <functional>

namespace sterna {

/// Who listens; either may be empty.
struct Progress {
  std::function<void(llvm::StringRef step)> begins;
  /// `seconds` is the step's wall-clock time.
  std::function<void(llvm::StringRef step, double seconds)> ends;

  /// Returns what `run` returns, and tells of it as `step`.
  template <typename Fn> auto measure(llvm::StringRef step, Fn run) const {
    auto start = std::chrono::steady_clock::now();
    if (begins)
      begins(step);
    auto result = run();
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    if (ends)
      ends(step, time.count());
    return result;
  }
};

} // namespace sterna

#endif // STERNA_SUPPORT_PROGRESS_H
