//===- MemoryPlan.h - A plan's memory as a table ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_MEMORYPLAN_H
#define STERNA_LIB_DRIVER_MEMORYPLAN_H

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace sterna {

/// Bytes of a category of memory.
struct MemoryRow {
  std::string name;
  int64_t bytes;
  bool isPart = false; // of the row before that is none
};

/// The memory of `module`, a plan after the phase schedule, by category.
std::vector<MemoryRow> listMemory(mlir::ModuleOp module);

/// The same in lines of text.
std::vector<std::string> describeMemory(mlir::ModuleOp module);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_MEMORYPLAN_H
