//===- ProcessMutex.h - One compilation at a time ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_PROCESSMUTEX_H
#define STERNA_LIB_DRIVER_PROCESSMUTEX_H

#include <mutex>

namespace sterna {

/// Held by what compiles or runs passes: registries, lld, and LLVM's options,
/// which lld resets, are the process's.
inline std::mutex &getProcessMutex() {
  static std::mutex one;
  return one;
}

} // namespace sterna

#endif // STERNA_LIB_DRIVER_PROCESSMUTEX_H
