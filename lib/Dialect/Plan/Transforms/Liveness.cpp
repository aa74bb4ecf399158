//===- Liveness.cpp - When values are alive -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value is alive from the dispatch that computes it to the last one that
// reads it or a view of it; what is computed in its place prolongs its life.
//
//===----------------------------------------------------------------------===//

#include "Liveness.h"

#include "Grouping.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

class LivenessBuilder {
public:
  LivenessBuilder(func::FuncOp function, InPlaceKernels &inPlace)
      : function(function), inPlace(inPlace) {
    liveness.backward = getBackwardOps(function);
    for (Value result : function.front().getTerminator()->getOperands())
      returned.insert(getViewed(result).first);
    for (auto [step, dispatch] : llvm::enumerate(function.getOps<DispatchOp>()))
      for (Value input : dispatch.getInputs())
        lastStep[getViewed(input).first] = step;
  }

  Liveness build() {
    int64_t step = 0;
    for (auto dispatch : function.getOps<DispatchOp>())
      add(dispatch, step++);
    return std::move(liveness);
  }

private:
  void add(DispatchOp dispatch, int64_t step) {
    for (Value input : dispatch.getInputs())
      if (auto it = numberOf.find(getViewed(input).first); it != numberOf.end())
        liveness.values[it->second].last = step;
    bool isBackward = liveness.backward.contains(dispatch);
    if (isBackward && liveness.firstBackward < 0)
      liveness.firstBackward = step;
    if (!liveness.backward.empty())
      findReplaced(dispatch, step);
    for (Value output : dispatch.getOutputs()) {
      if (Value place = liveness.replaced.lookup(output).place) {
        numberOf[output] = numberOf.at(place);
        continue;
      }
      numberOf[output] = liveness.values.size();
      liveness.values.push_back({output, step, step, isBackward});
    }
  }

  void findReplaced(DispatchOp dispatch, int64_t step) {
    llvm::DenseSet<Value> taken;
    for (auto [result, argument] : inPlace.getPairs(dispatch.getKernel())) {
      Value output = dispatch.getOutputs()[result];
      Value place = getPlace(dispatch, argument, step);
      if (place && !returned.contains(output) && !isSmall(output) &&
          !liveness.replaced.contains(output) && taken.insert(place).second)
        liveness.replaced[output] = {argument, place};
    }
  }

  /// What has the place of an input that nothing else reads, now or later; null
  /// if something does.
  Value getPlace(DispatchOp dispatch, unsigned number, int64_t step) {
    Value input = dispatch.getInputs()[number];
    auto [viewed, offset] = getViewed(input);
    auto it = numberOf.find(viewed);
    bool isReadTwice =
        llvm::count_if(dispatch.getInputs(), [&](Value other) {
          return getViewed(other).first == getViewed(input).first;
        }) > 1;
    if (it == numberOf.end() || offset != 0 || isReadTwice ||
        lastStep.at(viewed) != step || returned.contains(viewed) ||
        cast<ShapedType>(viewed.getType()).getNumElements() !=
            cast<ShapedType>(input.getType()).getNumElements())
      return {};
    return liveness.values[it->second].value;
  }

  func::FuncOp function;
  InPlaceKernels &inPlace;
  llvm::DenseSet<Value> returned;
  llvm::DenseMap<Value, int64_t> lastStep;
  llvm::DenseMap<Value, size_t> numberOf;
  Liveness liveness;
};

} // namespace

plan::Liveness plan::computeLiveness(func::FuncOp function,
                                     InPlaceKernels &inPlace) {
  return LivenessBuilder(function, inPlace).build();
}

void plan::useInPlaceKernels(func::FuncOp function, const Liveness &liveness,
                             InPlaceKernels &inPlace) {
  for (auto dispatch : function.getOps<DispatchOp>()) {
    SmallVector<InPlacePair> pairs;
    for (auto [result, output] : llvm::enumerate(dispatch.getOutputs()))
      if (auto it = liveness.replaced.find(output);
          it != liveness.replaced.end())
        pairs.push_back({unsigned(result), it->second.operand});
    if (!pairs.empty())
      dispatch.setKernel(
          inPlace.getVariant(dispatch.getKernel(), pairs).getSymName());
  }
}
