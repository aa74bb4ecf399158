//===- ByteVectors.h - Products of vectors of bytes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The instructions by which levels differ, behind one form on vectors of 256 or
// 512 bits. Separate so that a new level is a case here and not an emitter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H

#include "KernelBuilder.h"
#include "sterna/Codegen/CPU/KernelEmitter.h"

namespace sterna::cpu {

/// Whether the left bytes of the instruction are signed.
inline bool isSigned(ByteProduct product) {
  return product == ByteProduct::neon || product == ByteProduct::neonDotprod ||
         product == ByteProduct::neonI8mm;
}

/// Rows of trits whose products with words an instruction adds up, in int32.
inline int64_t wordsFolded(ByteProduct product) {
  return isSigned(product) ? 1 : 2;
}

/// Adds products of codes in 0 .. 2 with signed bytes, four for each lane of 32
/// bits, to sums. There are 8 lanes, or 16 where the level has vectors for
/// them.
class ByteVectors {
public:
  ByteVectors(KernelBuilder &k, const TargetInfo &target,
              int64_t vectorLanes = lanes)
      : k(k), product(target.byteProduct), vectorLanes(vectorLanes) {}

  /// A vector of no sums: an i32 or two i16 in a lane.
  mlir::Value zero() const {
    return addsFours(product) ? k.intVector(0, vectorLanes, 32)
                              : k.intVector(0, 2 * vectorLanes, 16);
  }

  /// `sums` with the products of `codes` and `bytes`, both four i8 in a lane.
  mlir::Value multiplyAdd(mlir::Value sums, mlir::Value codes,
                          mlir::Value bytes) const;

  /// `sums`, an i32 in a lane, with the products of `trits` and `words`, both
  /// `wordsFolded` i16 in a lane.
  mlir::Value multiplyAddWords(mlir::Value sums, mlir::Value trits,
                               mlir::Value words) const;

  /// The sum of each lane in int32.
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
  int64_t vectorLanes;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_BYTEVECTORS_H
