//===- Plan.h - Memory that a set of programs uses ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adds up, from the plan alone, the memory of programs that share one session.
// Separate because both the tools' reports and tests of them need it without
// running anything.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_PLAN_H
#define STERNA_RUNTIME_CORE_PLAN_H

#include "core/Module.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sterna {

/// Bytes of each space that a set of programs touches.
struct PlannedBytes {
  uint64_t weights = 0; // union of what the programs read
  uint64_t state = 0;   // what a session of theirs allocates
  uint64_t arena = 0;   // the largest of them
  uint64_t block = 0;
  uint64_t scratch = 0; // of kernels, all threads; a device knows it

  uint64_t total() const { return weights + state + arena + block + scratch; }
};

/// Byte ranges [begin, end) of one space, in order, that do not touch.
using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

/// What `programs`, indices into the module's programs, read of the weights.
Ranges weightRanges(const Module &module,
                    const std::vector<uint32_t> &programs);

/// Adds up the plan of `programs`, indices into the module's programs.
PlannedBytes planOf(const Module &module,
                    const std::vector<uint32_t> &programs);

/// Bytes of scratch memory that each thread needs to run `programs` with `code`
/// of a CPU, in whole pages: no two threads share one.
uint64_t scratchOf(const Module &module, const format::Code &code,
                   const std::vector<uint32_t> &programs);

/// The programs that training runs: train_micro and train_apply, or train_step;
/// none where it is compiled without.
std::vector<uint32_t> trainPrograms(const Module &module);

/// The names of the programs that training needs, be they there or not.
std::vector<std::string> trainProgramNames(const Module &module);

/// The programs that generation runs: head, each head_T, and each forward_T,
/// those that read an adapter if `lora` is set.
std::vector<uint32_t> generatePrograms(const Module &module, bool lora);

/// T, if `name` is forward_T (or forward_T_lora if `lora` is set); else 0.
uint32_t forwardTokens(const std::string &name, bool lora);

/// 1, if `name` is head, and T, if it is head_T; else 0.
uint32_t headTokens(const std::string &name);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_PLAN_H
