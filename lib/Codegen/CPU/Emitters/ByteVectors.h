//===- ByteVectors.h - Products of vectors of bytes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The instructions by which levels differ, behind one form on vectors of 256
// bits. Separate so that a new level is a case here and not an emitter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H

#include "KernelBuilder.h"
#include "sterna/Codegen/CPU/KernelEmitter.h"

namespace sterna::cpu {

/// Whether the instruction adds four neighbours, in int32; else two, in int16,
/// which overflow beyond 64 additions.
inline bool addsFours(ByteProduct product) {
  return product == ByteProduct::avxVnni || product == ByteProduct::neonDotprod;
}

/// Adds products of codes in 0 .. 2 with signed bytes, 32 of each, to sums.
class ByteVectors {
public:
  ByteVectors(KernelBuilder &k, const TargetInfo &target)
      : k(k), product(target.byteProduct) {}

  /// A vector of no sums: 8 x i32 or 16 x i16.
  mlir::Value zero() const {
    return addsFours(product) ? k.intVector(0, 8, 32) : k.intVector(0, 16, 16);
  }

  /// `sums` with the products of `codes` and `bytes`, both 32 x i8.
  mlir::Value multiplyAdd(mlir::Value sums, mlir::Value codes,
                          mlir::Value bytes) const;

  /// The sums of fours in int32, 8 of them.
  mlir::Value widen(mlir::Value sums) const;

private:
  mlir::Value pairs(mlir::Value codes, mlir::Value bytes) const;
  /// `intrinsic` on each half of 128 bits of the operands.
  mlir::Value halves(llvm::StringRef intrinsic, mlir::VectorType type,
                     mlir::ValueRange operands) const;
  mlir::Value call(llvm::StringRef intrinsic, mlir::VectorType type,
                   mlir::ValueRange operands) const;
  /// Every second lane of `vector`, from lane `first`.
  mlir::Value everySecond(mlir::Value vector, int64_t first) const;

  KernelBuilder &k;
  ByteProduct product;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H
