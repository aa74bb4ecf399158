//===- Workload.h - Kernels of published models, with data ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sterna-bench runs: the kernels of three published shapes, the work that
// each needs at least, and random operands.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNA_BENCH_WORKLOAD_H
#define STERNA_TOOLS_STERNA_BENCH_WORKLOAD_H

#include "test/Codegen/CPU/emitters/KernelCase.h"

#include <functional>

namespace sterna::bench {

/// Which of the machine's multiply-adds a kernel needs.
enum class Unit { byteProduct, wordProduct, floatFma };

/// A kernel to measure.
struct Workload {
  /// "ternary-int8/2B/ffn_up/tokens:1".
  std::string name;
  Unit unit;
  int64_t macs = 0;
  /// Number of the operand that is weights, or -1. Each run reads another copy
  /// of it, so that weights come from memory, as they do in a model.
  int weights = -1;
  /// Fills the operands; `source` of the result is the kernel.
  std::function<cpu::KernelData()> make;
};

std::vector<Workload> makeWorkloads();

} // namespace sterna::bench

#endif // STERNA_TOOLS_STERNA_BENCH_WORKLOAD_H
