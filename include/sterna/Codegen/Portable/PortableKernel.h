//===- PortableKernel.h - Kernels from reference decompositions -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tier of code generation that takes every kernel on every target. What
// differs between targets is how a kernel is cut into workgroups.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_PORTABLE_PORTABLEKERNEL_H
#define STERNA_CODEGEN_PORTABLE_PORTABLEKERNEL_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "mlir/IR/Builders.h"

namespace sterna {

/// What a kernel offers to be split: dimensions that fall into independent
/// parts.
struct ParallelResults {
  /// By result: its type, and its parallel dimensions.
  llvm::SmallVector<mlir::RankedTensorType> types;
  llvm::SmallVector<llvm::SmallVector<int64_t>> dimensions;
  /// Extents of the parallel dimensions, equal for all results.
  llvm::SmallVector<int64_t> extents;
  /// Whether each element is computed without a sum over others.
  bool elementwise;
};

/// How a target runs portable kernels.
class PortableTarget {
public:
  virtual ~PortableTarget() = default;

  /// The size of a workgroup's tile in each parallel dimension: divisors of the
  /// extents.
  virtual llvm::SmallVector<int64_t>
  chooseTile(const ParallelResults &results) const = 0;

  /// Whether what is computed or transposed for a sum is computed within it,
  /// each time it is read, rather than once into a temporary.
  virtual bool fusesIntoReductions() const = 0;
};

/// Emits the code that runs workgroups [begin, end) (both `index`) of `kernel`
/// at the builder's insertion point, on tensors of `buffers`: one memref with
/// identity layout for each kernel argument, then one for each result that is
/// not tied. A ternary matrix is a `memref<bytes x i8>` in its packed layout.
/// Returns the number of workgroups.
mlir::FailureOr<int64_t> emitPortableKernel(plan::KernelOp kernel,
                                            const PortableTarget &target,
                                            mlir::OpBuilder &builder,
                                            mlir::ValueRange buffers,
                                            mlir::Value begin, mlir::Value end);

/// Types of the buffers that a kernel takes: one for each argument, then one
/// for each result that is not tied.
llvm::SmallVector<mlir::Type> getBufferTypes(plan::KernelOp kernel);

} // namespace sterna

#endif // STERNA_CODEGEN_PORTABLE_PORTABLEKERNEL_H
