//===- HalfPrecision.h - Floats of 16 bits by integers ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For targets that have no instruction for it, or that may flush denormal
// numbers on the way.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_PORTABLE_HALFPRECISION_H
#define STERNA_CODEGEN_PORTABLE_HALFPRECISION_H

#include "mlir/IR/Builders.h"

namespace sterna {

/// The f32 with the value of the f16 in the low bits of each i32 of `half`, a
/// scalar or vector, exactly and without denormal f32 on the way.
mlir::Value widenF16(mlir::OpBuilder &b, mlir::Location loc, mlir::Value half);

/// The f16 nearest to each f32 of `value`, a scalar or vector, ties to even, in
/// the low bits of i32.
mlir::Value narrowF16(mlir::OpBuilder &b, mlir::Location loc,
                      mlir::Value value);

/// The bf16 nearest to each, likewise.
mlir::Value narrowBF16(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value value);

} // namespace sterna

#endif // STERNA_CODEGEN_PORTABLE_HALFPRECISION_H
