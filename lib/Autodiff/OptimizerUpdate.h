//===- OptimizerUpdate.h - What an optimizer does with a gradient ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the optimizer that does not depend on where gradients come from:
// its inputs, its state, and how both change a parameter. Private to
// lib/Autodiff.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_AUTODIFF_OPTIMIZERUPDATE_H
#define STERNA_LIB_AUTODIFF_OPTIMIZERUPDATE_H

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/AdamW.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace sterna {

/// Which optimizer updates, what its moments are kept in, and when gradients
/// are clipped.
struct OptimizerOptions {
  tern::OptimizerKind kind = tern::OptimizerKind::adamw;
  bool int8State = false;
  tern::GradientClipping clipping = tern::GradientClipping::exact;
};

/// Keeps the division by the norm finite, as `clip_grad_norm_` in PyTorch.
constexpr double clipEpsilon = 1e-6;

/// A dictionary with the one entry `name = value`.
mlir::DictionaryAttr singleAttr(llvm::StringRef name, mlir::Attribute value);

/// Appends an argument to `function`.
mlir::Value addArgument(mlir::func::FuncOp function, mlir::Type type,
                        mlir::DictionaryAttr attributes);

/// Appends the input `name`, of rank 0 and type f32, to `function`.
mlir::Value addScalarInput(mlir::func::FuncOp function, llvm::StringRef name);

/// The elements of `x` in the shape of `type`, in order.
mlir::Value reshape(const TensorBuilder &build, mlir::Value x,
                    mlir::RankedTensorType type);

/// Sum of the squares of `x`, of rank 0: of each row of `rowElements` elements
/// by lanes, then of all rows, then over the lanes. The order depends on the
/// shape alone; rows go to different threads.
mlir::Value sumOfSquares(const TensorBuilder &build, mlir::Value x,
                         int64_t rowElements);

/// The results of a program, in order.
struct ProgramResults {
  llvm::SmallVector<mlir::Value> values;
  llvm::SmallVector<mlir::DictionaryAttr> attributes;

  void addOutput(llvm::StringRef name, mlir::Value value);
  /// `value` replaces `argument`.
  void addTied(mlir::Value argument, mlir::Value value);
  /// Makes `function` return them, by a new terminator.
  void finish(mlir::func::FuncOp function) const;
};

class OptimizerUpdate {
public:
  /// Adds the inputs of the optimizer to `function`.
  OptimizerUpdate(mlir::func::FuncOp function, const OptimizerOptions &options);

  /// Of the ops that update: the optimizer's name.
  mlir::Location getLoc() const;

  /// Computes what is the same for all elements. `norm`, of rank 0, is that of
  /// all gradients where they are clipped by it.
  void prepare(const TensorBuilder &build, mlir::Value norm);

  /// How the tensor `suffix` ("" or ".scale") of `kind` that accompanies a
  /// parameter is described.
  using Describe = llvm::function_ref<mlir::DictionaryAttr(
      tern::StateKind kind, llvm::StringRef suffix)>;

  /// Appends the state that accompanies a parameter of `type` to `function`.
  llvm::SmallVector<mlir::Value> addState(mlir::func::FuncOp function,
                                          mlir::RankedTensorType type,
                                          Describe describe) const;

  /// Adds to `results` the new values of `parameter` and its `state`; the old
  /// ones where one of `guards`, of rank 0, is not finite.
  void update(const TensorBuilder &build, mlir::Value parameter,
              mlir::ValueRange state, mlir::Value gradient,
              mlir::ValueRange guards, ProgramResults &results) const;

private:
  llvm::SmallVector<mlir::Value> updateByAdamW(const TensorBuilder &build,
                                               mlir::Value parameter,
                                               mlir::ValueRange state,
                                               mlir::Value gradient,
                                               mlir::ValueRange guards) const;
  llvm::SmallVector<mlir::Value> updateByBlocks(const TensorBuilder &build,
                                                mlir::Value parameter,
                                                mlir::ValueRange state,
                                                mlir::Value gradient,
                                                mlir::ValueRange guards) const;
  llvm::SmallVector<mlir::Value> updateBySGD(const TensorBuilder &build,
                                             mlir::Value parameter,
                                             mlir::Value gradient,
                                             mlir::ValueRange guards) const;

  OptimizerOptions options;
  // Inputs; null where the options need none.
  mlir::Value learningRate, weightDecay, limit, biasCorrection1,
      biasCorrection2, roundingSeed;
  mlir::Value clip; ///< Factor of every gradient.
  adamw::StepScalars scalars;
};

} // namespace sterna

#endif // STERNA_LIB_AUTODIFF_OPTIMIZERUPDATE_H
