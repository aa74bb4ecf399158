//===- Passes.h - Passes that differentiate -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_AUTODIFF_PASSES_H
#define STERNA_AUTODIFF_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sterna {

#define GEN_PASS_DECL
#include "sterna/Autodiff/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "sterna/Autodiff/Passes.h.inc"

} // namespace sterna

#endif // STERNA_AUTODIFF_PASSES_H
