//===- CompiledKernel.h - Runs a kernel as an emitter builds it -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles one plan.kernel in memory through its emitter, for tests and
// measurements of emitters alone: no selection, no portable tier, no device
// binary.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CODEGEN_CPU_EMITTERS_COMPILEDKERNEL_H
#define STERNA_TEST_CODEGEN_CPU_EMITTERS_COMPILEDKERNEL_H

#include "sterna/Codegen/CPU/Level.h"
#include <cstdint>

#include <memory>
#include <string>
#include <vector>

namespace sterna::cpu {

/// A kernel in this process's memory.
class CompiledKernel {
public:
  /// Compiles the only plan.kernel in `source` for `level` with the first
  /// emitter that takes it. Returns null, with a message on standard error,
  /// when none does or a step fails.
  static std::unique_ptr<CompiledKernel> create(const std::string &source,
                                                const Level &level);

  virtual ~CompiledKernel() = default;

  /// Runs workgroups [begin, end). `buffers` as in KernelEmitter::emit.
  virtual void run(const std::vector<void *> &buffers, int64_t begin,
                   int64_t end) const = 0;

  /// Name of the emitter, its number of workgroups, and the seconds that
  /// emission and compilation took.
  std::string emitter;
  int64_t groups = 0;
  double seconds = 0;
  /// Optimised LLVM IR, for whoever looks into a kernel.
  std::string llvmIR;
};

} // namespace sterna::cpu

#endif // STERNA_TEST_CODEGEN_CPU_EMITTERS_COMPILEDKERNEL_H
