//===- Cost.h - What a dispatch takes -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An estimate to compare dispatches by, the same for every machine.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_COST_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_COST_H

#include "sterna/Dialect/Plan/IR/Plan.h"

namespace sterna::plan {

/// The longer of the times that multiply-adds and bytes of `kernel` take, in
/// multiply-adds of f32.
double estimateCost(KernelOp kernel);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_COST_H
