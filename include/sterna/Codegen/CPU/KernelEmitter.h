//===- KernelEmitter.h - Hand-tuned kernels of the CPU --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interface between kernel selection and the emitters, one per family of
// kernels. What no emitter takes goes through the portable tier.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_CPU_KERNELEMITTER_H
#define STERNA_CODEGEN_CPU_KERNELEMITTER_H

#include "mlir/IR/Builders.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

#include <memory>
#include <vector>

namespace sterna::cpu {

/// How a level multiplies vectors of bytes: its fastest instruction that adds
/// neighbouring products, and the width that it works on.
enum class ByteProduct {
  ssse3,       ///< pmaddubsw, 128 bits: pairs in int16
  avx2,        ///< vpmaddubsw, 256 bits: pairs in int16
  avxVnni,     ///< vpdpbusd, 256 or 512 bits: fours in int32
  neon,        ///< smull and pairwise additions, 128 bits
  neonDotprod, ///< sdot, 128 bits: fours in int32
  neonI8mm     ///< smmla, 128 bits: 2 rows by 2 tokens in int32; else sdot
};

/// Whether the instruction adds four neighbours, in int32; else two, in int16,
/// which overflow beyond 64 additions.
inline bool addsFours(ByteProduct product) {
  return product == ByteProduct::avxVnni ||
         product == ByteProduct::neonDotprod ||
         product == ByteProduct::neonI8mm;
}

/// The facts about an instruction level that emitters use.
struct TargetInfo {
  /// Vector registers. Two of 128 bits are one, for code is built on vectors of
  /// at least 256.
  int64_t registers = 16;
  /// 32-bit lanes of a vector where a kernel has work for them: 8 or 16.
  int64_t vectorLanes = 8;
  ByteProduct byteProduct = ByteProduct::avx2;
};

/// How an emitter will run a kernel: what it found in it, and how it cuts the
/// work. Valid as long as the kernel is.
class KernelPlan {
public:
  virtual ~KernelPlan() = default;

  /// Number of workgroups into which the kernel is split.
  virtual int64_t getWorkgroups() const = 0;

  /// Emits the code that runs workgroups [begin, end) (both `index`) at the
  /// builder's insertion point, with the location `loc`. `buffers` are memrefs
  /// with identity layout: one for each kernel argument, then one for each
  /// result that is not tied. A ternary matrix is a `memref<bytes x i8>` in its
  /// packed layout. Buffers never alias, but for tied results, which have no
  /// buffer of their own.
  virtual void emit(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::ValueRange buffers, mlir::Value begin,
                    mlir::Value end) const = 0;
};

/// Builds the code of one family of kernels.
class KernelEmitter {
public:
  virtual ~KernelEmitter() = default;

  /// Name of the family, for reports: "ternary-int8".
  virtual llvm::StringRef getName() const = 0;

  /// The plan for `kernel`, or null when this emitter does not take it.
  virtual std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                            const TargetInfo &target) const = 0;
};

/// All emitters, in the order in which they are tried.
const std::vector<std::unique_ptr<KernelEmitter>> &getKernelEmitters();

} // namespace sterna::cpu

#endif // STERNA_CODEGEN_CPU_KERNELEMITTER_H
