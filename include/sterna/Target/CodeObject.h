//===- CodeObject.h - What targets hand to the linker -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The code of all kernels for one target, as it goes into the device binary.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CODEOBJECT_H
#define STERNA_TARGET_CODEOBJECT_H

#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

/// Code of one kernel for one target.
struct KernelCode {
  /// Static grid.
  uint32_t workgroups = 0;
  /// CPU: bytes of scratch memory that each thread hands in.
  uint64_t scratch = 0;
  /// By a hand-tuned emitter, else the portable tier.
  bool tuned = false;
  /// GPU: the kernel's SPIR-V inside the code object, in bytes, multiples of 4.
  /// A size of 0 says that the target has no code of its own for this kernel.
  uint64_t offset = 0, size = 0;
  /// GPU: the descriptor, below 4, that each binding of the kernel lies in.
  std::vector<uint8_t> slots;
  /// GPU: bit s says that the kernel may write through descriptor s.
  uint8_t written = 15;
};

/// What a target's cost model says of a layout of ternary weights: cycles of a
/// core for 1000 weights, with one token and for each of many.
struct LayoutCostEstimate {
  std::string layout;
  float bits = 0, oneToken = 0, manyTokens = 0;
};

/// The code object of one target: an instruction level of a CPU, or "vulkan".
struct CodeObject {
  std::string target;
  /// CPU features that it needs, by their /proc/cpuinfo names.
  std::vector<std::string> features;
  std::string bytes;
  /// One for each `plan.kernel` of the module, in its order.
  std::vector<KernelCode> kernels;
  /// CPU, instead of bytes: the id of the object that holds the code.
  uint64_t linked = 0;
  /// Of all layouts, where the target has a cost model.
  std::vector<LayoutCostEstimate> layoutCosts;
};

} // namespace sterna

#endif // STERNA_TARGET_CODEOBJECT_H
