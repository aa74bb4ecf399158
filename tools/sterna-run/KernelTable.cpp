//===- KernelTable.cpp - A profile by kernel ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time of all runs went, for a first look without a viewer.
//
//===----------------------------------------------------------------------===//

#include "ProfileReport.h"
#include "Report.h"

#include <algorithm>
#include <tuple>

using namespace sterna;

namespace {

struct Row {
  std::string name;
  uint64_t calls = 0;
  double nanoseconds = 0; // of all threads
  const char *tier = "";
  std::string location;
};

/// A row for each kernel, then one for the waiting.
std::vector<Row> emptyRows(const Profile::Subject &subject) {
  std::vector<Row> rows;
  for (const format::Kernel *kernel :
       orEmpty(subject.module->plan().kernels())) {
    Row row;
    row.name = kernel->name()->str();
    const format::KernelCode &code =
        *subject.code->kernels()->Get(uint32_t(rows.size()));
    row.tier = code.tuned() ? "tuned" : "portable";
    if (kernel->location())
      row.location = kernel->location()->str();
    rows.push_back(row);
  }
  Row waiting;
  waiting.name = "(waiting)";
  rows.push_back(waiting);
  return rows;
}

void addRun(const Profile &profile, const ProfileRun &run,
            std::vector<Row> &rows) {
  unsigned threads = profile.subject().threads;
  const auto &dispatches = orEmpty(profile.program(run.program).dispatches());
  double waiting = double(run.end - run.begin) * threads;
  for (uint32_t i = 0; i < run.dispatches; ++i) {
    Row &row = rows[dispatches.Get(i)->kernel()];
    ++row.calls;
    for (unsigned thread = 0; thread < threads; ++thread) {
      const ProfileSpan &span = profile.spans(run, thread)[i];
      if (span.workgroups == 0)
        continue;
      double time = double(span.end - span.begin);
      row.nanoseconds += time;
      waiting -= time;
    }
  }
  rows.back().nanoseconds += waiting;
}

} // namespace

void sterna::printKernelTable(const Profile &profile) {
  std::vector<Row> rows = emptyRows(profile.subject());
  for (const ProfileRun &run : profile.runs())
    addRun(profile, run, rows);
  double total = 0;
  uint64_t calls = 0;
  for (const Row &row : rows) {
    total += row.nanoseconds;
    calls += row.calls;
  }
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [](const Row &row) {
                              return row.calls + row.nanoseconds == 0;
                            }),
             rows.end());
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
    return std::tie(b.nanoseconds, a.name) < std::tie(a.nanoseconds, b.name);
  });
  unsigned threads = profile.subject().threads;
  auto print = [&](const Row &row) {
    logLine(formatText(
                "%-32s %9llu %12.3f %6.1f%%  %-8s  ", row.name.c_str(),
                (unsigned long long)row.calls, row.nanoseconds / threads / 1e6,
                total > 0 ? 100 * row.nanoseconds / total : 0.0, row.tier) +
            row.location);
  };
  logLine(formatText("%-32s %9s %12s %7s  %-8s  %s", "kernel", "calls", "ms",
                     "share", "tier", "location"));
  for (const Row &row : rows)
    print(row);
  Row all;
  all.name = "all";
  all.calls = calls;
  all.nanoseconds = total;
  print(all);
}
