//===- Profile.cpp - When each dispatch ran -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Profile.h.
//
//===----------------------------------------------------------------------===//

#include "core/Profile.h"

#include <algorithm>

using namespace sterna;

namespace {

/// Runs kept at most: programs of few dispatches need more than their spans.
constexpr uint64_t maxRuns = uint64_t(1) << 18;

} // namespace

Status Profile::prepare(Subject subject) {
  if (about.module)
    return Status::error("a profile records one session only");
  about = std::move(subject);
  available = wanted;
  if (std::optional<uint32_t> largest = largestProgram())
    available = std::max(available, spansOf(*largest));
  Expected<Mapping> mapping =
      Mapping::allocate(available * sizeof(ProfileSpan), "profile");
  if (!mapping.ok())
    return mapping.status();
  memory = std::move(*mapping);
  recorded.reserve(std::min(available, maxRuns));
  if (ready)
    ready(*this);
  return Status();
}

ProfileRun *Profile::begin(uint32_t program) {
  uint64_t needed = spansOf(program);
  if (needed > available - used || recorded.size() == recorded.capacity()) {
    ++lost;
    return nullptr;
  }
  current.program = program;
  current.dispatches = orEmpty(this->program(program).dispatches()).size();
  current.firstSpan = used;
  // What a run that failed left there.
  std::fill_n(data() + used, needed, ProfileSpan{});
  current.begin = now();
  return &current;
}

void Profile::end(ProfileRun &run) {
  run.end = now();
  used += spansOf(run.program);
  recorded.push_back(run);
}

uint64_t Profile::spansOf(uint32_t program) const {
  return uint64_t(orEmpty(this->program(program).dispatches()).size()) *
         about.threads;
}

std::optional<uint32_t> Profile::largestProgram() const {
  std::optional<uint32_t> largest;
  for (uint32_t index : about.programs)
    if (!largest || spansOf(index) > spansOf(*largest))
      largest = index;
  return largest;
}

uint64_t Profile::capacity() const {
  std::optional<uint32_t> largest = largestProgram();
  uint64_t needed = largest ? spansOf(*largest) : 0;
  return std::min<uint64_t>(recorded.capacity(),
                            needed == 0 ? maxRuns : available / needed);
}
