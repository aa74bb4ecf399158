//===- DecomposableOpInterface.h - Ops with a reference decomposition -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C++ side of DecomposableOpInterface.td.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_H
#define STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "sterna/Interfaces/DecomposableOpInterface.h.inc"

#endif // STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_H
