//===- InPlace.h - Results in the place of what dies ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which results of a kernel can be written over its arguments: what is computed
// elementwise from them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_INPLACE_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_INPLACE_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "mlir/IR/SymbolTable.h"

namespace sterna::plan {

/// Numbers of a result and of an argument.
using InPlacePair = std::pair<unsigned, unsigned>;

/// Kernels, what can be replaced in them, and variants in which it is.
class InPlaceKernels {
public:
  explicit InPlaceKernels(mlir::SymbolTable &symbols) : symbols(symbols) {}

  /// All pairs of a kernel, those of one result together.
  llvm::ArrayRef<InPlacePair> getPairs(llvm::StringRef kernel);

  /// The kernel that computes what `kernel` does and replaces `pairs`, of which
  /// none has a result or an argument of another.
  KernelOp getVariant(llvm::StringRef kernel,
                      llvm::ArrayRef<InPlacePair> pairs);

private:
  mlir::SymbolTable &symbols;
  llvm::StringMap<llvm::SmallVector<InPlacePair>> known;
  std::map<std::pair<std::string, std::vector<int64_t>>, KernelOp> variants;
};

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_INPLACE_H
