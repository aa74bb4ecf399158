//===- Plan.h - The plan dialect ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the `plan` dialect; PlanOps.td documents them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_IR_PLAN_H
#define STERNA_DIALECT_PLAN_IR_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "sterna/Dialect/Plan/IR/PlanDialect.h.inc"
#include "sterna/Dialect/Plan/IR/PlanEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "sterna/Dialect/Plan/IR/PlanAttributes.h.inc"
#define GET_OP_CLASSES
#include "sterna/Dialect/Plan/IR/PlanOps.h.inc"

namespace sterna::plan {

/// The attribute of a module that is the plan for a target, a TargetAttr.
constexpr llvm::StringLiteral targetAttr = "plan.target";

/// The attribute of a kernel that says what of the model it was made of, for
/// people: a name, as locations have them until the phase dispatch. Text of IR
/// has no locations.
constexpr llvm::StringLiteral originAttr = "plan.origin";

/// Sets the origin of `kernel` where its location has a name, or nothing.
void setOrigin(KernelOp kernel);

/// The origin of `kernel`, else the line of a file; empty if it has none.
std::string getOrigin(KernelOp kernel);

/// The origin that a kernel at `location` has, which one of its launches may
/// say more exactly: kernels are shared.
std::string describeOrigin(mlir::Location location);

/// Bytes of a buffer of static shape; elements take whole bytes.
int64_t getBufferBytes(mlir::MemRefType type);

} // namespace sterna::plan

#endif // STERNA_DIALECT_PLAN_IR_PLAN_H
