//===- Norm.cpp - Kernels that are a root mean square norm ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Norm.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Norm.h"

#include "sterna/Codegen/Kernels/Matching.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

template <typename Op> static std::optional<Norm> matchRoot(Op root) {
  auto type = cast<RankedTensorType>(root.getInput().getType());
  auto numbers = getArgumentNumbers({root.getInput(), root.getWeight()});
  auto epilogue =
      Epilogue::match(root->template getParentOfType<plan::KernelOp>(), root);
  if (!numbers || !epilogue || !type.hasStaticShape() ||
      !type.getElementType().isF32() || !type.getNumElements())
    return std::nullopt;
  Norm norm;
  norm.m = type.getDimSize(0);
  norm.n = type.getDimSize(1);
  norm.input = (*numbers)[0];
  norm.weight = (*numbers)[1];
  norm.epsilon = root.getEpsilon().convertToDouble();
  norm.epilogue = std::move(*epilogue);
  return norm;
}

std::optional<Norm> Norm::match(plan::KernelOp kernel) {
  if (auto root = findRoot<tern::RmsNormOp>(kernel))
    return matchRoot(root);
  auto root = findRoot<tern::RmsNormGradOp>(kernel);
  std::optional<unsigned> cotangent;
  if (root)
    cotangent = getArgumentNumber(root.getCotangent());
  if (!cotangent)
    return std::nullopt;
  std::optional<Norm> norm = matchRoot(root);
  if (norm)
    norm->cotangent = cotangent;
  return norm;
}
