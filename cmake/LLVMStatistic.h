//===- LLVMStatistic.h - Statistics as the packaged LLVM has them ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// llvm::Statistic has another layout with assertions than without, and
// mlir::Pass::Statistic is constructed inside the library. The packaged one is
// built without assertions, our code with them: this header, included before
// all others, gives both the same type.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CMAKE_LLVMSTATISTIC_H
#define STERNA_CMAKE_LLVMSTATISTIC_H

#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#endif

#endif // STERNA_CMAKE_LLVMSTATISTIC_H
