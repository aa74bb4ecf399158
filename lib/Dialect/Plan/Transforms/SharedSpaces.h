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
class SharedSpaces {
public:
  /// Places the parameters of `module`, in order of their declaration, and the
  /// state of `functions`, in order of its first use; says so in the module.
  SharedSpaces(mlir::ModuleOp module,
               llvm::ArrayRef<mlir::func::FuncOp> functions);

  int64_t getWeight(llvm::StringRef name) const { return weights.at(name); }
  int64_t getState(llvm::StringRef name) const { return state.at(name); }

private:
  void placeWeights(mlir::ModuleOp module);
  void placeState(mlir::ModuleOp module,
                  llvm::ArrayRef<mlir::func::FuncOp> functions);

  llvm::StringMap<int64_t> weights, state;
};

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_SHAREDSPACES_H
