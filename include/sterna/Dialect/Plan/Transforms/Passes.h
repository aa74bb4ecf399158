//===- Passes.h - Passes that build and check the plan --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_H
#define STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sterna::plan {

/// Bytes of a process that trains beside the plan's: code, libraries, stacks,
/// the vocabulary, samples.
constexpr int64_t processBytes = 16 << 20;

#define GEN_PASS_DECL
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"

} // namespace sterna::plan

#endif // STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_H
