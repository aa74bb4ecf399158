//===- Parts.h - Independent parts of a kernel ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --sterna-form-dispatches puts groups that do not depend on each other into
// one kernel. To an emitter each of them is a kernel of its own.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_PARTS_H
#define STERNA_CODEGEN_KERNELS_PARTS_H

#include "mlir/IR/OwningOpRef.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

namespace sterna::kernels {

/// Ops of a kernel, with what they depend on, as a kernel that is in no module.
struct Part {
  mlir::OwningOpRef<plan::KernelOp> kernel;
  /// Which of the whole kernel's buffers each of its buffers is: its arguments,
  /// then its results that are not tied.
  llvm::SmallVector<unsigned> buffers;
};

/// The parts of `kernel`, in the order of their first ops: ops that share none
/// but constants and empty tensors. None where it is one part.
std::vector<Part> splitParts(plan::KernelOp kernel);

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_PARTS_H
