//===- DifferentiableOpInterface.h - Reverse-mode rules -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C++ side of DifferentiableOpInterface.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_H
#define STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "sterna/Interfaces/DifferentiableOpInterface.h.inc"

#endif // STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_H
