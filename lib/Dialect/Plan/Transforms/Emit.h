//===- Emit.h - Programs from placed dispatches ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last stage of planning.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_EMIT_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_EMIT_H

#include "Place.h"

namespace sterna::plan {

/// Builds the plan.program of `function` before it, with the barriers that its
/// launches need.
void emitProgram(mlir::func::FuncOp function, const Placement &placement,
                 const mlir::SymbolTable &symbols);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_EMIT_H
