//===- Attention.cpp - Kernels that are attention -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Attention.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Attention.h"

#include "mlir/IR/Matchers.h"
#include "sterna/Codegen/Kernels/Matching.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

static bool isYieldedWhole(plan::KernelOp kernel, Operation *root) {
  if (!llvm::equal(kernel.getYielded(), root->getResults()) ||
      !llvm::all_of(kernel.getTied(), [](int64_t tied) { return tied < 0; }))
    return false;
  // The position may be a constant; nothing else may be left to do.
  return llvm::all_of(
      kernel.getBodyBlock()->without_terminator(), [&](Operation &op) {
        return &op == root || op.hasTrait<OpTrait::ConstantLike>();
      });
}

/// The number of the argument that `value` is, if that is not empty and of f32,
/// or, where it may be narrow, of f16 or i8.
static std::optional<unsigned> getTensorNumber(Value value,
                                               bool mayBeNarrow = false) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = type.getElementType();
  bool isKnown = element.isF32() ||
                 (mayBeNarrow && (element.isF16() || element.isInteger(8)));
  if (!isKnown || !type.hasStaticShape() || !type.getNumElements())
    return std::nullopt;
  return getArgumentNumber(value);
}

/// Sets the argument that is the position, or the position if it is a constant.
static bool matchPosition(Value value, Attention &attention) {
  attention.positionArgument = getArgumentNumber(value);
  DenseIntElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant))) {
    attention.position = (*constant.begin()).getSExtValue();
    return true;
  }
  return attention.positionArgument.has_value();
}

template <typename Op>
static std::optional<Attention> matchRoot(plan::KernelOp kernel, Op root) {
  std::optional<unsigned> query = getTensorNumber(root.getQuery());
  constexpr bool isForward = std::is_same_v<Op, tern::AttentionOp>;
  std::optional<unsigned> key = getTensorNumber(root.getKey(), isForward);
  std::optional<unsigned> value = getTensorNumber(root.getValue(), isForward);
  Attention attention;
  if (!query || !key || !value || !isYieldedWhole(kernel, root) ||
      !matchPosition(root.getPosition(), attention))
    return std::nullopt;
  SmallVector<std::pair<Value, std::optional<unsigned> *>> optional{
      {root.getQuerySegments(), &attention.querySegments},
      {root.getKeySegments(), &attention.keySegments}};
  if constexpr (isForward) {
    optional.emplace_back(root.getKeyScales(), &attention.keyScales);
    optional.emplace_back(root.getValueScales(), &attention.valueScales);
  } else if (!(attention.cotangent = getTensorNumber(root.getCotangent()))) {
    return std::nullopt;
  }
  for (auto [operand, number] : optional)
    if (operand && !(*number = getArgumentNumber(operand)))
      return std::nullopt;
  auto queryType = cast<RankedTensorType>(root.getQuery().getType());
  auto keyType = cast<RankedTensorType>(root.getKey().getType());
  attention.batch = queryType.getDimSize(0);
  attention.tokens = queryType.getDimSize(1);
  attention.heads = queryType.getDimSize(2);
  attention.groups = queryType.getDimSize(3);
  attention.width = queryType.getDimSize(4);
  attention.columns = keyType.getDimSize(1);
  attention.query = *query;
  attention.key = *key;
  attention.value = *value;
  attention.window = root.getWindow();
  attention.scale = tern::getScoreScale(root.getScaleAttr(), attention.width);
  return attention;
}

std::optional<Attention> Attention::match(plan::KernelOp kernel) {
  if (auto root = findRoot<tern::AttentionOp>(kernel))
    return matchRoot(kernel, root);
  if (auto root = findRoot<tern::AttentionGradOp>(kernel))
    return matchRoot(kernel, root);
  return std::nullopt;
}
