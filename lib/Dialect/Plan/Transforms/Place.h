//===- Place.h - Where the values of a program lie ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The third stage of planning.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PLACE_H
#define STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PLACE_H

#include "Liveness.h"
#include "SharedSpaces.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

namespace sterna::plan {

struct Place {
  Space space;
  int64_t offset;
  mlir::StringAttr name; // of weights and state
};

/// Where everything lies that a program function reads or writes.
struct Placement {
  /// Of arguments, parameters and what dispatches compute; views have none.
  llvm::DenseMap<mlir::Value, Place> places;
  /// Descriptions of the parameter block, as plan.program has them.
  llvm::SmallVector<mlir::Attribute> inputs, outputs;
  int64_t arenaBytes = 0;
  mlir::DictionaryAttr peak;
};

/// Places the values of `function`: inputs and outputs in the block, what
/// replaces state in its place, the rest in the arena. Fails with an error
/// where a result has no buffer of its own or state is read too late.
mlir::FailureOr<Placement> placeValues(mlir::func::FuncOp function,
                                       const Liveness &liveness,
                                       const SharedSpaces &shared);

/// The bytes of the arena in which values of `function` live, where placed.
int64_t measureArena(mlir::func::FuncOp function, const Liveness &liveness);

/// The bytes that a session of `functions` has beside its arena: the parameters
/// and the state that they name, and the block.
int64_t measureFixed(llvm::ArrayRef<mlir::func::FuncOp> functions);

} // namespace sterna::plan

#endif // STERNA_LIB_DIALECT_PLAN_TRANSFORMS_PLACE_H
