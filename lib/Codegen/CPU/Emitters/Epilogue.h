//===- Epilogue.h - Elementwise end of a kernel ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What follows a product in a kernel is the same for all emitters: elementwise
// ops on the product, broadcast arguments and residuals. An emitter computes a
// piece of a row of the product and hands it over.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_EPILOGUE_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_EPILOGUE_H

#include "KernelBuilder.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

#include <optional>

namespace sterna::cpu {

/// The ops of a kernel other than its root, as a function of the root's result.
class Epilogue {
public:
  /// The epilogue of `kernel` with the given root of one 2-D f32 result; none
  /// when the kernel has more than one result, or an op that is neither part of
  /// the root's initialisation nor an elementwise op on tiles, or when a tied
  /// argument is read elsewhere than where it is written.
  static std::optional<Epilogue> match(plan::KernelOp kernel,
                                       mlir::Operation *root);

  /// Stores the kernel's result at [row, column ..], given the root's result
  /// there: a vector of f32 of at most as many lanes as columns remain.
  void emit(KernelBuilder &k, mlir::ValueRange buffers, mlir::Value product,
            mlir::Value row, mlir::Value column) const;

private:
  /// Buffer and value of the kernel's result.
  unsigned output = 0;
  mlir::Value result;
  mlir::Operation *root = nullptr;
  llvm::SmallVector<mlir::Operation *> ops;
};

/// The value with which `init` fills a tensor, if it is a constant splat.
std::optional<mlir::TypedAttr> getSplat(mlir::Value init);

/// Number of the kernel argument that `value` is, if it is one.
std::optional<unsigned> getArgumentNumber(mlir::Value value);

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_EPILOGUE_H
