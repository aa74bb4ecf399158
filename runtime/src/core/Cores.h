//===- Cores.h - How many cores a process may use -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Separate from the thread pool because it reads files of the system, which
// tests replace.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_CORES_H
#define STERNA_RUNTIME_CORE_CORES_H

#include <optional>
#include <string>

namespace sterna {

/// The number of cores that this process may use, at least 1: those that it is
/// bound to, and no more than its control group has time for.
unsigned availableCores();

/// The cores' worth of time that the control groups of a process leave it,
/// rounded up, from Linux's control groups of version 1 and 2: the least of its
/// group's and of all around that. None without a limit. `root` stands before
/// the paths /proc/self/cgroup and /sys/fs/cgroup.
std::optional<unsigned> coresOfControlGroup(const std::string &root = "");

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_CORES_H
