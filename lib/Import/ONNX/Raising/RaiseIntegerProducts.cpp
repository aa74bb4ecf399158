//===- RaiseIntegerProducts.cpp - Integers times ternary matrices ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-raise-integer-products.
//
//===----------------------------------------------------------------------===//

#include "Raising.h"
#include "TernaryMatrices.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Matchers.h"
#include "sterna/Import/ONNX/Passes.h"

#include <cmath>

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_RAISEINTEGERPRODUCTSPASS
#include "sterna/Import/ONNX/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

/// Sums of so many terms, each of a byte's magnitude, are whole numbers of f32.
constexpr int64_t maxColumns = (1 << 24) / 128;

/// Integers of bytes without their zero point.
struct ShiftedBytes {
  /// i8.
  Value bytes;
  bool isUnsigned = false;
  /// One number of i32; null for 0.
  Value zero;
};

std::optional<ShiftedBytes> findBytes(Value value) {
  ShiftedBytes found;
  value = peelViews(value);
  if (auto difference = value.getDefiningOp<arith::SubIOp>()) {
    found.zero = peelBroadcasts(difference.getRhs());
    value = peelViews(difference.getLhs());
    if (typeOf(found.zero).getNumElements() != 1)
      return std::nullopt;
  }
  Operation *widened = value.getDefiningOp();
  if (!isa_and_nonnull<arith::ExtUIOp, arith::ExtSIOp>(widened))
    return std::nullopt;
  found.bytes = widened->getOperand(0);
  found.isUnsigned = isa<arith::ExtUIOp>(widened);
  if (!getElementTypeOrSelf(found.bytes.getType()).isInteger(8))
    return std::nullopt;
  return found;
}

/// `op` as a product of matrices of i32 that starts at zero.
std::optional<LinearPart> findIntegerProduct(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || op.getNumLoops() != 3)
    return std::nullopt;
  AffineExpr m, n, k;
  bindDims(op.getContext(), m, n, k);
  SmallVector<AffineExpr> lhs{m, k}, rhs{k, n}, out{m, n};
  auto maps = AffineMap::inferFromExprList({lhs, rhs, out}, op.getContext());
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (op.getIndexingMapsArray() != maps || !type ||
      !type.getElementType().isInteger(32) ||
      !matchPattern(op.getDpsInits()[0], m_Zero()))
    return std::nullopt;
  LinearPart part;
  part.op = op;
  part.input = op->getOperand(0);
  part.weight = op->getOperand(1);
  part.rows = type.getDimSize(1);
  part.columns = typeOf(part.weight).getDimSize(0);
  return part;
}

/// The whole number that all of `matrix` is scaled by; none where there is
/// none.
std::optional<int32_t> findWholeScale(const TernaryMatrix &matrix) {
  auto scale = dyn_cast<DenseElementsAttr>(matrix.parameter.scale);
  if (!scale)
    return std::nullopt;
  auto factor = *scale.value_begin<float>();
  if (factor != std::round(factor) || std::abs(factor) > 255)
    return std::nullopt;
  return int32_t(factor);
}

/// sum_k (bytes - zero) * trits, in i32: sum_k bytes * trits less zero times
/// the sums of trits, which are the product of a row of ones.
Value buildProduct(const ArrayBuilder &b, const ShiftedBytes &lhs,
                   const LinearPart &part, Value trits) {
  Value bytes = lhs.bytes, zero = lhs.zero;
  int64_t rows = typeOf(bytes).getNumElements() / part.columns;
  auto i32 = b.b.getI32Type();
  if (zero)
    zero = b.reshape(zero, {});
  if (lhs.isUnsigned) {
    // 128 less, which flips the upper bit.
    bytes = arith::XOrIOp::create(b.b, b.loc, bytes,
                                  b.integer(bytes.getType(), -128));
    auto scalar = RankedTensorType::get({}, i32);
    Value shift = b.integer(scalar, zero ? 128 : -128);
    zero = zero ? arith::SubIOp::create(b.b, b.loc, zero, shift) : shift;
  }
  bytes = b.reshape(bytes, {rows, part.columns});
  if (zero)
    bytes = b.concat(
        {bytes, b.integer(typeOf(bytes).clone({1, part.columns}), 1)}, 0);
  int64_t all = typeOf(bytes).getDimSize(0);
  Value one = b.constant(RankedTensorType::get({1}, b.b.getF32Type()), 1);
  Value product = tern::MatmulOp::create(
      b.b, b.loc, RankedTensorType::get({all, part.rows}, b.b.getF32Type()),
      bytes, trits, one, /*group=*/nullptr);
  product =
      arith::FPToSIOp::create(b.b, b.loc, typeOf(product).clone(i32), product);
  if (!zero)
    return product;
  Value sums = b.slice(product, {rows, 0}, {1, part.rows}, {1, 1});
  product = b.slice(product, {0, 0}, {rows, part.rows}, {1, 1});
  Value shift =
      arith::MulIOp::create(b.b, b.loc, b.broadcastTo(sums, {rows, part.rows}),
                            b.broadcastTo(zero, {rows, part.rows}));
  return arith::SubIOp::create(b.b, b.loc, product, shift);
}

struct RaiseIntegerProducts
    : sterna::impl::RaiseIntegerProductsPassBase<RaiseIntegerProducts> {
  using RaiseIntegerProductsPassBase::RaiseIntegerProductsPassBase;

  void runOnOperation() override {
    func::FuncOp main = findGraph(getOperation());
    if (!main)
      return;
    LinearForms forms;
    TernaryMatrices matrices(main, forms);
    for (auto op : llvm::to_vector(main.getOps<linalg::LinalgOp>())) {
      auto part = findIntegerProduct(op);
      auto lhs = part ? findBytes(part->input) : std::nullopt;
      if (!lhs || part->columns > maxColumns)
        continue;
      auto matrix = matrices.find(*part);
      auto factor = matrix ? findWholeScale(*matrix) : std::nullopt;
      if (!factor)
        continue;
      OpBuilder builder(op);
      ArrayBuilder b{builder, op.getLoc()};
      Value y = buildProduct(b, *lhs, *part, matrices.getTrits(b, *matrix));
      if (*factor != 1)
        y = arith::MulIOp::create(builder, b.loc, y,
                                  b.integer(y.getType(), *factor));
      op->getResult(0).replaceAllUsesWith(y);
      ++numRaised;
    }
    eraseUnused(main);
  }
};

} // namespace
