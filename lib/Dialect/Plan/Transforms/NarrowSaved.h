//===- NarrowSaved.h - Keep values in fewer bytes ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the forward pass leaves to the backward pass may be rounded, where a
// user asks for it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_NARROWSAVED_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_NARROWSAVED_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

#include <map>

namespace sterna::plan {

/// The type in which values are kept, and the kernels that convert them.
class SavedType {
public:
  /// `element` is bf16, or i8 with a scale for each row; f32 keeps all as it
  /// is. Kernels are added to `symbols` when they are needed first.
  SavedType(mlir::SymbolTable &symbols, mlir::Type element)
      : symbols(symbols), element(element) {}

  bool isNarrow() const { return !element.isF32(); }

  /// The bytes that keep a matrix of `type`.
  int64_t bytesFor(mlir::RankedTensorType type) const;

  /// What keeps `matrix`, of f32, computed at the insertion point of `b`.
  llvm::SmallVector<mlir::Value> narrow(mlir::OpBuilder &b, mlir::Location loc,
                                        mlir::Value matrix);

  /// The matrix of `type` that `kept` keeps.
  mlir::Value widen(mlir::OpBuilder &b, mlir::Location loc,
                    mlir::ValueRange kept, mlir::RankedTensorType type);

private:
  /// The kernel `name` for matrices of `type`, made by `build` if it is new.
  KernelOp kernelFor(llvm::StringRef name, mlir::RankedTensorType type,
                     llvm::function_ref<KernelOp()> build);

  mlir::SymbolTable &symbols;
  mlir::Type element;
  std::map<std::pair<std::string, std::vector<int64_t>>, KernelOp> kernels;
};

/// Lets what the forward pass of `function` computes and the backward pass
/// reads, copies of forward ops included, lie in `saved` from its last reader
/// in the forward pass to its first in the backward pass, which reads rounded
/// values. Only tensors of f32 that have rows, are not small and take at most
/// half as many bytes so. Returns how many there are.
unsigned narrowSaved(mlir::func::FuncOp function, SavedType &saved);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_NARROWSAVED_H
