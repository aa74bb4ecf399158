//===- Interfaces.cpp - Definitions of the op interfaces ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated definitions, in a library of their own so that dialects depend on
// interfaces alone.
//
//===----------------------------------------------------------------------===//

#include "sterna/Interfaces/DecomposableOpInterface.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"

#include "sterna/Interfaces/DecomposableOpInterface.cpp.inc"
#include "sterna/Interfaces/DifferentiableOpInterface.cpp.inc"
