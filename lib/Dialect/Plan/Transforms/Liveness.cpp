//===- Liveness.cpp - When values are alive -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value is alive from the dispatch that computes it to the last one that
// reads it or a view of it.
//
//===----------------------------------------------------------------------===//

#include "Liveness.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace sterna;

plan::Liveness plan::computeLiveness(func::FuncOp function) {
  Liveness liveness;
  liveness.backward = getBackwardOps(function);
  llvm::DenseMap<Value, size_t> numberOf;
  int64_t step = 0;
  for (auto dispatch : function.getOps<DispatchOp>()) {
    for (Value input : dispatch.getInputs())
      if (auto it = numberOf.find(getViewed(input).first); it != numberOf.end())
        liveness.values[it->second].last = step;
    bool isBackward = liveness.backward.contains(dispatch);
    for (Value output : dispatch.getOutputs()) {
      numberOf[output] = liveness.values.size();
      liveness.values.push_back({output, step, step, isBackward});
    }
    if (isBackward && liveness.firstBackward < 0)
      liveness.firstBackward = step;
    ++step;
  }
  return liveness;
}
