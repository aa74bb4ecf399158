//===- Matching.h - What a kernel computes ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The questions that descriptions of kernels ask of a kernel's region. The
// descriptions beside this file say what a kernel computes, in numbers of its
// arguments, and nothing of how: they are for the emitters of any target.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_KERNELS_MATCHING_H
#define STERNA_CODEGEN_KERNELS_MATCHING_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include <iterator>
#include <optional>

namespace sterna::kernels {

/// The only op of type `Op` in the kernel's region; none when there is another
/// number of them.
template <typename Op> Op findRoot(plan::KernelOp kernel) {
  auto found = kernel.getBodyBlock()->getOps<Op>();
  if (found.empty() || std::next(found.begin()) != found.end())
    return {};
  return *found.begin();
}

/// The value with which `init` fills a tensor, if it is a constant splat.
std::optional<mlir::TypedAttr> getSplat(mlir::Value init);

/// Number of the kernel argument that `value` is, if it is one.
std::optional<unsigned> getArgumentNumber(mlir::Value value);

/// Those of all `values`; none where one of them is no argument.
std::optional<llvm::SmallVector<unsigned>>
getArgumentNumbers(mlir::ValueRange values);

} // namespace sterna::kernels

#endif // STERNA_CODEGEN_KERNELS_MATCHING_H
