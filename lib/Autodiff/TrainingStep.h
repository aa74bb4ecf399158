//===- TrainingStep.h - Programs of a training step -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What BuildTraining.cpp and OptimizerStep.cpp share: how a program's arguments
// and results are described. Private to lib/Autodiff.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_AUTODIFF_TRAININGSTEP_H
#define STERNA_LIB_AUTODIFF_TRAININGSTEP_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

namespace sterna {

/// A tensor that training changes: its type, its `tern.state` attribute, and
/// which argument of the loss it is.
struct Trainable {
  mlir::RankedTensorType type;
  tern::StateAttr state;
  unsigned argument;
};

/// A dictionary with the one entry `name = value`.
mlir::DictionaryAttr singleAttr(llvm::StringRef name, mlir::Attribute value);

/// The `tern.state` of the tensor of `kind` that accompanies a trainable,
/// called
/// `<name of the trainable>.<kind>`.
tern::StateAttr companionState(const Trainable &trainable,
                               tern::StateKind kind);

/// Builds `@train_apply` at the end of `module`: the norm of all gradients,
/// clipping, and one step of AdamW for all of `trainables`, whose betas
/// `tern.adamw` of the module says.
void buildTrainApply(mlir::ModuleOp module, mlir::Location loc,
                     llvm::ArrayRef<Trainable> trainables);

} // namespace sterna

#endif // STERNA_LIB_AUTODIFF_TRAININGSTEP_H
