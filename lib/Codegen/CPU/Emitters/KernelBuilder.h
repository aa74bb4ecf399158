//===- KernelBuilder.h - Short forms for building kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The handful of scalar, vector and loop forms that all emitters share, so that
// an emitter reads as the kernel it builds. Vectors are one-dimensional: they
// lower to LLVM without any vector rewriting.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_KERNELBUILDER_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_KERNELBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace sterna::cpu {

/// 32-bit lanes of a 256-bit register: the unit of every emitter here.
constexpr int64_t lanes = 8;

/// Builds at the insertion point of `b`. Index arithmetic is folded as it is
/// built, so that a constant stays one.
class KernelBuilder {
public:
  KernelBuilder(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  mlir::OpBuilder &b;
  mlir::Location loc;

  //===--- Index arithmetic -----------------------------------------------===//

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y) { return add(x, index(y)); }
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, int64_t y) { return mul(x, index(y)); }
  /// Quotient and remainder of a value that is not negative.
  mlir::Value div(mlir::Value x, int64_t y);
  mlir::Value rem(mlir::Value x, int64_t y);
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value min(mlir::Value x, int64_t y) { return min(x, index(y)); }
  mlir::Value equal(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  /// First of `items` in workgroup `group` of `groups`, which share them
  /// evenly.
  mlir::Value share(mlir::Value group, int64_t items, int64_t groups);

  //===--- Control flow ---------------------------------------------------===//

  /// Loop over [begin, end) that carries nothing.
  void loop(mlir::Value begin, mlir::Value end, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  void loop(int64_t end, llvm::function_ref<void(mlir::Value)> body);
  /// Loop over [begin, end) that carries values; `body` returns the new ones.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value begin, mlir::Value end, int64_t step, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);
  void branch(mlir::Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise);

  //===--- Memory and vectors ---------------------------------------------===//

  /// A temporary, aligned to a cache line, of the thread that runs the kernel:
  /// on its stack, or in scratch memory if it is large (PlaceTemporaries.cpp).
  /// Build it outside loops.
  mlir::Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  mlir::Value load(mlir::Value memref, mlir::ValueRange indices);
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange indices);
  /// `width` neighbours of the memref's last dimension.
  mlir::Value loadVector(mlir::Value memref, mlir::ValueRange indices,
                         int64_t width = lanes);
  void storeVector(mlir::Value vector, mlir::Value memref,
                   mlir::ValueRange indices);
  /// Asks for the cache line of an element that will be read; it may lie beyond
  /// the end.
  void prefetch(mlir::Value memref, mlir::ValueRange indices);
  mlir::Value splat(mlir::Value scalar, int64_t width = lanes);
  mlir::Value floatVector(double value, int64_t width = lanes);
  mlir::Value intVector(int64_t value, int64_t width, unsigned bits);
  mlir::Value intVector(llvm::ArrayRef<int32_t> values);
  mlir::Value bitcast(mlir::Value vector, int64_t width, unsigned bits);
  /// A scalar or vector of floats or signed bytes widened to f32.
  mlir::Value toF32(mlir::Value value);
  /// A vector brought to `width` lanes: cut, or filled with copies of lane 0,
  /// of `filler` if that is given.
  mlir::Value resize(mlir::Value vector, int64_t width,
                     mlir::Value filler = {});
  /// A vector of floats brought to `width` lanes, filled with zeros.
  mlir::Value pad(mlir::Value vector, int64_t width);
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z);
  /// Rows to columns of 8 vectors of 8 lanes.
  llvm::SmallVector<mlir::Value> transpose(llvm::ArrayRef<mlir::Value> rows);
  /// Half 0 or 1 of a vector.
  mlir::Value half(mlir::Value vector, int64_t number);
  /// The sum of each of 8 vectors, of 8 or 16 lanes, as the lanes of one, in a
  /// fixed order.
  mlir::Value sumEach(llvm::ArrayRef<mlir::Value> vectors);
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_KERNELBUILDER_H
