//===- InPlace.cpp - Results in the place of what dies --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See InPlace.h.
//
//===----------------------------------------------------------------------===//

#include "InPlace.h"

#include "Grouping.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

/// Whether each element that `use` is for is written after it, and it alone,
/// was read: elementwise ops, sums that start from it, and the gradient of a
/// norm, which reads a row before it writes it.
static bool isReadInPlace(OpOperand &use, Type type) {
  Operation *op = use.getOwner();
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op))
    return matmul.isDpsInit(&use);
  if (auto gradient = dyn_cast<tern::RmsNormGradOp>(op))
    return use.get() == gradient.getCotangent() &&
           gradient.getInput() != gradient.getCotangent();
  return isElementwise(op) &&
         cast<ShapedType>(op->getResult(0).getType()).getShape() ==
             cast<ShapedType>(type).getShape();
}

/// What is computed in place from `argument`; nothing if anything is not.
static llvm::SetVector<Value> getDependent(BlockArgument argument) {
  llvm::SetVector<Value> dependent;
  dependent.insert(argument);
  for (size_t next = 0; next < dependent.size(); ++next)
    for (OpOperand &use : dependent[next].getUses()) {
      if (isa<YieldOp>(use.getOwner()))
        continue;
      bool isFirst = dependent[next] == argument;
      if (!isReadInPlace(use, argument.getType()) ||
          (!isFirst && !isElementwise(use.getOwner())))
        return {};
      dependent.insert(use.getOwner()->getResult(0));
    }
  return dependent;
}

static SmallVector<InPlacePair> findPairs(KernelOp kernel) {
  SmallVector<InPlacePair> pairs;
  // Kernels of rows pass over them more than once.
  Block &body = *kernel.getBodyBlock();
  if (!body.getOps<tern::RmsNormOp>().empty() ||
      !body.getOps<tern::QuantizeOp>().empty())
    return pairs;
  for (BlockArgument argument : body.getArguments()) {
    unsigned number = argument.getArgNumber();
    if (llvm::is_contained(kernel.getTied(), number))
      continue;
    llvm::SetVector<Value> dependent = getDependent(argument);
    for (auto [result, value] : llvm::enumerate(kernel.getYielded()))
      if (value.getType() == argument.getType() && value != argument &&
          kernel.getTied()[result] < 0 && dependent.contains(value))
        pairs.push_back({unsigned(result), number});
  }
  llvm::sort(pairs);
  return pairs;
}

ArrayRef<InPlacePair> InPlaceKernels::getPairs(StringRef kernel) {
  auto [it, isNew] = known.try_emplace(kernel);
  if (isNew)
    it->second = findPairs(symbols.lookup<KernelOp>(kernel));
  return it->second;
}

KernelOp InPlaceKernels::getVariant(StringRef name,
                                    ArrayRef<InPlacePair> pairs) {
  auto kernel = symbols.lookup<KernelOp>(name);
  std::vector<int64_t> tied(kernel.getTied());
  for (auto [result, argument] : pairs)
    tied[result] = argument;
  KernelOp &variant = variants[{name.str(), tied}];
  if (!variant) {
    variant = kernel.clone();
    variant.setTied(tied);
    symbols.insert(variant);
  }
  return variant;
}
