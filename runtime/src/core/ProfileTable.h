//===- ProfileTable.h - A profile by kernel -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time of all runs went, for a first look without a viewer.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_PROFILETABLE_H
#define STERNA_RUNTIME_CORE_PROFILETABLE_H

#include "core/Profile.h"

#include <string>
#include <vector>

namespace sterna {

/// What a kernel took. The waiting is a row without tier and calls.
struct KernelTime {
  std::string name;
  uint64_t calls = 0;
  /// A mean over the threads: with the waiting they sum up to that of all runs.
  double seconds = 0;
  const char *tier = "";
  std::string location;
};

/// What each kernel that ran took, and the waiting, in falling order.
std::vector<KernelTime> tabulate(const Profile &profile);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_PROFILETABLE_H
