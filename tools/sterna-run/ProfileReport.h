//===- ProfileReport.h - What --profile tells its user --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two reports of a profile: a trace for a viewer and a table of kernels.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_PROFILEREPORT_H
#define STERNA_TOOLS_STERNARUN_PROFILEREPORT_H

#include "core/Profile.h"

#include <string>

namespace sterna {

/// Writes `profile` to `path` as a Chrome trace: on each thread one event for
/// each run, in it one for each dispatch, even if the thread had no share of
/// it, and one for each wait.
Status writeTrace(const Profile &profile, const std::string &path);

/// Prints to standard error what each kernel took, in falling order. Times are
/// means over the threads, so that with the waiting they sum to that of all
/// runs.
void printKernelTable(const Profile &profile);

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_PROFILEREPORT_H
