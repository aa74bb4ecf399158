//===- Profile.h - When each dispatch ran ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a device measures while it runs programs, kept in buffers that are sized
// once. Separate from the devices, which only fill it, and from the reports
// made of it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_PROFILE_H
#define STERNA_RUNTIME_CORE_PROFILE_H

#include "core/Module.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sterna {

/// What one thread did for one dispatch, in one piece or several; times in
/// nanoseconds of Profile::now.
struct ProfileSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint32_t workgroups = 0; // that this thread ran; none: the times mean nothing
};

/// One run of a program, as the host saw it.
struct ProfileRun {
  uint32_t program = 0; // index into the module's programs
  uint32_t dispatches = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t firstSpan = 0;
};

/// Records the runs of one session. Give it to the session's options and read
/// it when nothing runs.
class Profile {
public:
  /// Spans kept by default: what a trace viewer still opens with ease.
  static constexpr uint64_t defaultSpans = uint64_t(1) << 19;

  /// `ready` is called once the session's device has sized the buffers, so that
  /// a tool can say beforehand how much fits. They hold `spans` spans, or one
  /// run of the largest program if that is more.
  explicit Profile(std::function<void(const Profile &)> ready = nullptr,
                   uint64_t spans = defaultSpans)
      : ready(std::move(ready)), wanted(spans) {}

  //===--------------------------------------------------------------------===//
  // For devices
  //===--------------------------------------------------------------------===//

  /// What is profiled.
  struct Subject {
    std::shared_ptr<const Module> module;
    const format::Code *code = nullptr;
    std::string device;
    std::vector<uint32_t> programs;
    unsigned threads = 1;
  };

  /// Allocates the buffers. Fails if it was called before, and without memory.
  Status prepare(Subject subject);

  /// Begins a run; null if the buffers are full, and then it counts as dropped.
  ProfileRun *begin(uint32_t program);

  /// Where `thread` of a run writes one span for each dispatch. They have no
  /// workgroups when a run begins.
  ProfileSpan *spans(const ProfileRun &run, unsigned thread) {
    return data() + run.firstSpan + uint64_t(thread) * run.dispatches;
  }

  /// Ends a run that went well; one that is not ended is not reported.
  void end(ProfileRun &run);

  static uint64_t now() {
    auto time = std::chrono::steady_clock::now().time_since_epoch();
    return uint64_t(
        std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  }

  //===--------------------------------------------------------------------===//
  // For reports
  //===--------------------------------------------------------------------===//

  const Subject &subject() const { return about; }
  const std::vector<ProfileRun> &runs() const { return recorded; }
  const ProfileSpan *spans(const ProfileRun &run, unsigned thread) const {
    return const_cast<Profile *>(this)->spans(run, thread);
  }
  const format::Program &program(uint32_t index) const {
    return *about.module->plan().programs()->Get(index);
  }

  /// Runs that did not fit.
  uint64_t dropped() const { return lost; }

  /// The prepared program with the most dispatches, and how many runs of it
  /// fit; no program if none was prepared.
  std::optional<uint32_t> largestProgram() const;
  uint64_t capacity() const;

private:
  ProfileSpan *data() { return reinterpret_cast<ProfileSpan *>(memory.data()); }
  uint64_t spansOf(uint32_t program) const;

  std::function<void(const Profile &)> ready;
  uint64_t wanted;
  Subject about;
  Mapping memory;
  uint64_t available = 0; // spans
  uint64_t used = 0;
  uint64_t lost = 0;
  std::vector<ProfileRun> recorded; // never beyond its first capacity
  ProfileRun current = {};
};

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_PROFILE_H
