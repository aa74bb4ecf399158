//===- Products.cpp - Kernels that are matrix products --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Products.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Kernels/Products.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "sterna/Codegen/Kernels/Matching.h"
#include "sterna/Support/Matmul.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::kernels;

namespace {

bool isFloat(Value matrix) {
  Type type = cast<ShapedType>(matrix.getType()).getElementType();
  return type.isF32() || type.isF16() || type.isBF16();
}

/// Signed bytes, whose scales are the business of other ops.
bool isBytes(Value matrix) {
  return cast<ShapedType>(matrix.getType()).getElementType().isInteger(8);
}

/// Whether the kernel's own arguments feed the product, so that their buffers
/// are what it reads.
bool setOperands(FloatProduct &product, Value left, Value right) {
  auto numbers = getArgumentNumbers({left, right});
  if (!numbers || !isFloat(left))
    return false;
  product.left = (*numbers)[0];
  product.right = (*numbers)[1];
  return true;
}

/// How a ternary matrix is packed; null if it is not yet.
tern::PanelAttr getLayout(Value weight) {
  return dyn_cast_or_null<tern::PanelAttr>(
      cast<RankedTensorType>(weight.getType()).getEncoding());
}

/// Whether `left` and `result` have static shapes and elements.
bool hasElements(RankedTensorType left, RankedTensorType result) {
  return left.hasStaticShape() && result.hasStaticShape() &&
         left.getNumElements() && result.getNumElements();
}

/// Whether `right` is made of the kernel's own blocks.
bool setBlocks(FloatProduct &product, Value left, Value right) {
  auto matrix = right.getDefiningOp<tern::DequantizeOp>();
  if (!matrix || !setOperands(product, left, matrix.getCodes()))
    return false;
  auto scale = getArgumentNumber(matrix.getScale());
  if (!scale)
    return false;
  product.blocks = BlockFactors{*scale, std::nullopt};
  if (!matrix.getMinimum())
    return true;
  product.blocks->minimum = getArgumentNumber(matrix.getMinimum());
  return product.blocks->minimum.has_value();
}

bool matchInit(FloatProduct &product, Value init) {
  if (std::optional<TypedAttr> splat = getSplat(init)) {
    auto value = dyn_cast<FloatAttr>(*splat);
    return value && value.getValue().isZero();
  }
  product.accumulated = getArgumentNumber(init);
  return product.accumulated.has_value();
}

bool matchMatmul(FloatProduct &product, linalg::MatmulOp op) {
  if (!op.hasPureTensorSemantics())
    return false;
  std::optional<MatmulFactors> factors = getFactors(op);
  if (!factors)
    return false;
  Value left = factors->lhs.matrix, right = factors->rhs.matrix;
  product.leftTransposed = factors->lhs.transposed;
  product.rightForm =
      factors->rhs.transposed ? RightForm::columns : RightForm::rows;
  auto leftType = cast<RankedTensorType>(left.getType());
  product.k = leftType.getDimSize(product.leftTransposed ? 0 : 1);
  if (!matchInit(product, op.getOutputs()[0]))
    return false;
  return ((isFloat(right) || isBytes(right)) &&
          setOperands(product, left, right)) ||
         setBlocks(product, left, right);
}

/// Either product with a ternary matrix; `form` says which.
template <typename Op>
bool matchTernary(FloatProduct &product, Op op, RightForm form) {
  product.rightForm = form;
  product.k = cast<ShapedType>(op.getLhs().getType()).getDimSize(1);
  product.group = op.getGroup();
  product.layout = getLayout(op.getWeight());
  std::optional<unsigned> scale = getArgumentNumber(op.getScale());
  if (!scale || !isFloat(op.getScale()) || !product.layout)
    return false;
  product.scale = *scale;
  return setOperands(product, op.getLhs(), op.getWeight());
}

} // namespace

std::optional<FloatProduct> FloatProduct::match(plan::KernelOp kernel) {
  FloatProduct product;
  Operation *root = nullptr;
  bool matched = false;
  if (auto op = findRoot<linalg::MatmulOp>(kernel)) {
    root = op;
    matched = matchMatmul(product, op);
  } else if (auto op = findRoot<tern::MatmulOp>(kernel)) {
    root = op;
    matched = matchTernary(product, op, RightForm::tritsRows);
  } else if (auto op = findRoot<tern::MatmulTransposedOp>(kernel)) {
    root = op;
    matched = matchTernary(product, op, RightForm::tritsColumns);
  }
  if (!matched)
    return std::nullopt;
  std::optional<Epilogue> epilogue = Epilogue::match(kernel, root);
  if (!epilogue)
    return std::nullopt;
  product.epilogue = std::move(*epilogue);
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  product.m = type.getDimSize(0);
  product.n = type.getDimSize(1);
  if (!type.hasStaticShape() || ShapedType::isDynamic(product.k) ||
      !product.m || !product.n || !product.k)
    return std::nullopt;
  return product;
}

std::optional<Int8Product> Int8Product::match(plan::KernelOp kernel) {
  auto root = findRoot<tern::MatmulOp>(kernel);
  if (!root)
    return std::nullopt;
  auto leftType = cast<RankedTensorType>(root.getLhs().getType());
  auto type = cast<RankedTensorType>(root.getResult().getType());
  auto scaleType = cast<ShapedType>(root.getScale().getType());
  auto numbers =
      getArgumentNumbers({root.getLhs(), root.getWeight(), root.getScale()});
  std::optional<Epilogue> epilogue = Epilogue::match(kernel, root);
  if (!numbers || !epilogue || !leftType.getElementType().isInteger(8) ||
      !hasElements(leftType, type) || !scaleType.getElementType().isF32() ||
      !getLayout(root.getWeight()))
    return std::nullopt;
  Int8Product product;
  product.m = type.getDimSize(0);
  product.n = type.getDimSize(1);
  product.k = leftType.getDimSize(1);
  product.left = (*numbers)[0];
  product.weight = (*numbers)[1];
  product.scale = (*numbers)[2];
  product.layout = getLayout(root.getWeight());
  product.group = root.getGroup();
  product.epilogue = std::move(*epilogue);
  return product;
}

std::optional<GradientProduct> GradientProduct::match(plan::KernelOp kernel) {
  auto root = findRoot<tern::QuantizedMatmulTransposedOp>(kernel);
  if (!root)
    return std::nullopt;
  auto leftType = cast<RankedTensorType>(root.getLhs().getType());
  RankedTensorType type = root.getType();
  auto numbers =
      getArgumentNumbers({root.getLhs(), root.getStep(), root.getWeight()});
  std::optional<Epilogue> epilogue = Epilogue::match(kernel, root);
  if (!numbers || !epilogue || !hasElements(leftType, type) ||
      !getLayout(root.getWeight()))
    return std::nullopt;
  GradientProduct product;
  product.m = type.getDimSize(0);
  product.n = leftType.getDimSize(1);
  product.k = type.getDimSize(1);
  product.left = (*numbers)[0];
  product.step = (*numbers)[1];
  product.weight = (*numbers)[2];
  product.isInt8 = leftType.getElementType().isInteger(8);
  product.layout = getLayout(root.getWeight());
  product.epilogue = std::move(*epilogue);
  return product;
}
