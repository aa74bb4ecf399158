//===- TrainingStep.h - Programs of a training step -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the files that build training programs share: how a program's arguments
// and results are described. Private to lib/Autodiff.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_AUTODIFF_TRAININGSTEP_H
#define STERNA_LIB_AUTODIFF_TRAININGSTEP_H

#include "OptimizerUpdate.h"

namespace sterna {

constexpr llvm::StringLiteral lossScaleInput = "loss_scale";

/// A tensor that training changes: its type, its `tern.state` attribute, and
/// which argument of the loss it is.
struct Trainable {
  mlir::RankedTensorType type;
  tern::StateAttr state;
  unsigned argument;
};

/// The `tern.state` of the tensor of `kind` that accompanies a trainable,
/// called `<name of the trainable>.<kind><suffix>`.
tern::StateAttr companionState(const Trainable &trainable, tern::StateKind kind,
                               llvm::StringRef suffix = "");

/// Builds `@train_apply` at the end of `module`: the norm of all gradients,
/// clipping, and one step of the optimizer for all of `trainables`.
void buildTrainApply(mlir::ModuleOp module, mlir::Location loc,
                     llvm::ArrayRef<Trainable> trainables,
                     const OptimizerOptions &options);

/// Turns `function`, a copy of the loss, into `@train_step`: forward and
/// backward pass, and the optimizer's step of each trainable right where its
/// gradient is known.
mlir::LogicalResult buildTrainStep(mlir::func::FuncOp function,
                                   llvm::ArrayRef<Trainable> trainables,
                                   const OptimizerOptions &options);

/// Appends to `function`, a copy of the loss, the input `loss_scale` and,
/// before its return, the gradients of `trainables`, whose seed it is.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
addGradients(mlir::func::FuncOp function, llvm::ArrayRef<Trainable> trainables);

} // namespace sterna

#endif // STERNA_LIB_AUTODIFF_TRAININGSTEP_H
