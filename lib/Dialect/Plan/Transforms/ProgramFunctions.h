//===- ProgramFunctions.h - Conventions of program functions --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program function is a func whose arguments carry `tern.input` (an input of
// that name), `tern.state` (a mutable tensor) or `tern.states` (several, side
// by side, seen as one), and whose results carry `tern.output` (an output of
// that name) or `tern.tied` (the number of the state argument that the result
// replaces).
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PROGRAMFUNCTIONS_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PROGRAMFUNCTIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"

#include <optional>

namespace sterna::plan {

/// The program functions of `module`, in order.
llvm::SmallVector<mlir::func::FuncOp>
getProgramFunctions(mlir::ModuleOp module);

/// Whether `op` only names or reshapes memory: parameters, reshapes,
/// contiguous slices, checkpoints.
bool isView(mlir::Operation *op);

/// The value whose memory `value` views, and the bytes from that one's start.
std::pair<mlir::Value, int64_t> getViewed(mlir::Value value);

/// The bytes of the buffer of `value`, a tensor of static shape.
int64_t bytesOf(mlir::Value value);

/// The state argument that `value` replaces when the function returns.
std::optional<mlir::BlockArgument> findTiedArgument(mlir::func::FuncOp function,
                                                    mlir::Value value);

/// The ops of `function` that depend on the argument marked `tern.loss_scale`:
/// the backward pass. Empty when there is no such argument.
llvm::DenseSet<mlir::Operation *> getBackwardOps(mlir::func::FuncOp function);

/// The other ops of `function` that `backward`, its backward pass, needs, up to
/// checkpoints: it may compute them again.
llvm::DenseSet<mlir::Operation *>
getRepeatableOps(const llvm::DenseSet<mlir::Operation *> &backward);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PROGRAMFUNCTIONS_H
