//===- ProfileTable.cpp - A profile by kernel -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ProfileTable.h.
//
//===----------------------------------------------------------------------===//

#include "core/ProfileTable.h"

#include <algorithm>
#include <tuple>

using namespace sterna;

namespace {

/// A row for each kernel, then one for the waiting.
std::vector<KernelTime> emptyRows(const Profile::Subject &subject) {
  std::vector<KernelTime> rows;
  for (const format::Kernel *kernel :
       orEmpty(subject.module->plan().kernels())) {
    KernelTime row;
    row.name = kernel->name()->str();
    const format::KernelCode &code =
        *subject.code->kernels()->Get(uint32_t(rows.size()));
    row.tier = code.tuned() ? "tuned" : "portable";
    if (kernel->location())
      row.location = kernel->location()->str();
    rows.push_back(row);
  }
  KernelTime waiting;
  waiting.name = "(waiting)";
  rows.push_back(waiting);
  return rows;
}

void addRun(const Profile &profile, const ProfileRun &run,
            std::vector<KernelTime> &rows) {
  unsigned threads = profile.subject().threads;
  const auto &dispatches = orEmpty(profile.program(run.program).dispatches());
  double waiting = double(run.end - run.begin) / 1e9;
  for (uint32_t i = 0; i < run.dispatches; ++i) {
    KernelTime &row = rows[dispatches.Get(i)->kernel()];
    ++row.calls;
    for (unsigned thread = 0; thread < threads; ++thread) {
      const ProfileSpan &span = profile.spans(run, thread)[i];
      if (span.workgroups == 0)
        continue;
      double time = double(span.end - span.begin) / (1e9 * threads);
      row.seconds += time;
      waiting -= time;
    }
  }
  rows.back().seconds += waiting;
}

} // namespace

std::vector<KernelTime> sterna::tabulate(const Profile &profile) {
  std::vector<KernelTime> rows = emptyRows(profile.subject());
  for (const ProfileRun &run : profile.runs())
    addRun(profile, run, rows);
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [](const KernelTime &row) {
                              return row.calls == 0 && row.seconds == 0;
                            }),
             rows.end());
  std::sort(rows.begin(), rows.end(),
            [](const KernelTime &a, const KernelTime &b) {
              return std::tie(b.seconds, a.name) < std::tie(a.seconds, b.name);
            });
  return rows;
}
