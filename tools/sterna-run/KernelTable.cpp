//===- KernelTable.cpp - A profile by kernel ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time of all runs went, for a first look without a viewer.
//
//===----------------------------------------------------------------------===//

#include "ProfileReport.h"
#include "Report.h"
#include "core/ProfileTable.h"

using namespace sterna;

void sterna::printKernelTable(const Profile &profile) {
  KernelTime all;
  all.name = "all";
  std::vector<KernelTime> rows = tabulate(profile);
  for (const KernelTime &row : rows) {
    all.calls += row.calls;
    all.seconds += row.seconds;
  }
  rows.push_back(all);
  logLine(formatText("%-32s %9s %12s %7s  %-8s  %s", "kernel", "calls", "ms",
                     "share", "tier", "location"));
  for (const KernelTime &row : rows)
    logLine(formatText("%-32s %9llu %12.3f %6.1f%%  %-8s  ", row.name.c_str(),
                       (unsigned long long)row.calls, row.seconds * 1e3,
                       all.seconds > 0 ? 100 * row.seconds / all.seconds : 0.0,
                       row.tier) +
            row.location);
}
