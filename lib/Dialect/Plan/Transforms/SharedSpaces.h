//===- SharedSpaces.h - Where weights and state lie -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places that all programs of a module have in common.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_SHAREDSPACES_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_SHAREDSPACES_H

#include "Arena.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

namespace sterna::plan {

/// Hands out consecutive aligned places of one space.
class Cursor {
public:
  int64_t place(int64_t bytes) {
    int64_t offset = size;
    size = llvm::alignTo(size + bytes, bufferAlignment);
    return offset;
  }
  int64_t getSize() const { return size; }

private:
  int64_t size = 0;
};

/// Offsets of weights and state by name.
struct SharedSpaces {
  llvm::StringMap<int64_t> weights, state;
};

/// Places the parameters of `module`, in order of their declaration, and the
/// state of `functions`, in order of its first use but for what a `tern.states`
/// keeps together; says so in the module. Fails with an error where two
/// descriptions of a state tensor do not agree.
mlir::FailureOr<SharedSpaces>
placeShared(mlir::ModuleOp module,
            llvm::ArrayRef<mlir::func::FuncOp> functions);

/// Adds to `bytes`, by name, the state tensors that an argument is or has.
void addState(mlir::BlockArgument argument, llvm::StringMap<int64_t> &bytes);

/// The name of the state, or of the first of the states, that an argument is;
/// null if it is none.
mlir::StringAttr getStateName(mlir::BlockArgument argument);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_SHAREDSPACES_H
