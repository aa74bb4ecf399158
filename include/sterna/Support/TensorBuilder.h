//===- TensorBuilder.h - Builds ops on tensors ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A short notation for the few upstream ops that programs, decompositions,
// rules and the optimizer are made of.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_TENSORBUILDER_H
#define STERNA_SUPPORT_TENSORBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Support/Matmul.h"

namespace sterna {

/// The type of a ranked tensor.
inline mlir::RankedTensorType typeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType());
}

/// Builds ops at one location, at the builder's insertion point. "Float" is a
/// float or a tensor of floats; tensors have static shapes.
struct TensorBuilder {
  mlir::OpBuilder &b;
  mlir::Location loc;

  using Value = mlir::Value;

  Value add(Value x, Value y) const {
    return mlir::arith::AddFOp::create(b, loc, x, y);
  }
  Value sub(Value x, Value y) const {
    return mlir::arith::SubFOp::create(b, loc, x, y);
  }
  Value mul(Value x, Value y) const {
    return mlir::arith::MulFOp::create(b, loc, x, y);
  }
  Value div(Value x, Value y) const {
    return mlir::arith::DivFOp::create(b, loc, x, y);
  }
  Value neg(Value x) const { return mlir::arith::NegFOp::create(b, loc, x); }
  Value sqrt(Value x) const { return mlir::math::SqrtOp::create(b, loc, x); }
  Value select(Value condition, Value x, Value y) const {
    return mlir::arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value compare(mlir::arith::CmpFPredicate predicate, Value x, Value y) const {
    return mlir::arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y) const {
    return mlir::arith::CmpIOp::create(b, loc, predicate, x, y);
  }

  /// Whether `x` is `y`: equal, or both a NaN.
  Value same(Value x, Value y) const {
    Value equal = compare(mlir::arith::CmpFPredicate::OEQ, x, y);
    Value bothNaN = mlir::arith::AndIOp::create(
        b, loc, compare(mlir::arith::CmpFPredicate::UNO, x, x),
        compare(mlir::arith::CmpFPredicate::UNO, y, y));
    return mlir::arith::OrIOp::create(b, loc, equal, bothNaN);
  }

  /// `value` as a float or in every element of a float tensor.
  Value constant(mlir::Type type, double value) const {
    auto scalar = b.getFloatAttr(mlir::getElementTypeOrSelf(type), value);
    if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type))
      return mlir::arith::ConstantOp::create(
          b, loc, mlir::DenseElementsAttr::get(tensor, scalar));
    return mlir::arith::ConstantOp::create(b, loc, scalar);
  }

  Value empty(mlir::RankedTensorType type) const {
    return mlir::tensor::EmptyOp::create(b, loc, type.getShape(),
                                         type.getElementType());
  }

  /// Zeros to accumulate into or to write a part of.
  Value zeros(mlir::RankedTensorType type) const {
    Value zero = mlir::arith::ConstantOp::create(
        b, loc, b.getZeroAttr(type.getElementType()));
    return mlir::linalg::FillOp::create(b, loc, zero, empty(type)).getResult(0);
  }

  /// The type in which elements of `type` are added up: f32 for shorter ones.
  mlir::Type wideType(mlir::Type type) const {
    mlir::Type element = mlir::getElementTypeOrSelf(type);
    return element.getIntOrFloatBitWidth() < 32 ? b.getF32Type() : element;
  }

  /// The sum of floats of one type, rounded to it once.
  Value addWide(Value x, Value y) const {
    mlir::Type wide = wideType(x.getType());
    return convert(add(convert(x, wide), convert(y, wide)),
                   mlir::getElementTypeOrSelf(x.getType()));
  }

  /// The product of `lhs` and `rhs`, of shape `type`.
  Value matmul(const Factor &lhs, const Factor &rhs,
               mlir::RankedTensorType type) const {
    return createMatmul(b, loc, lhs, rhs, zeros(type));
  }

  /// Sum of `x` over dimensions `dims`.
  Value sum(Value x, llvm::ArrayRef<int64_t> dims,
            mlir::RankedTensorType type) const {
    return mlir::linalg::ReduceOp::create(
               b, loc, x, zeros(type), dims,
               [](mlir::OpBuilder &nested, mlir::Location l,
                  mlir::ValueRange args) {
                 Value sum =
                     mlir::arith::AddFOp::create(nested, l, args[1], args[0]);
                 mlir::linalg::YieldOp::create(nested, l, sum);
               })
        .getResult(0);
  }

  /// Sum of all elements of `x`, of rank 0.
  Value sumAll(Value x) const {
    mlir::RankedTensorType type = typeOf(x);
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    return sum(x, dims, mlir::RankedTensorType::get({}, type.getElementType()));
  }

  /// `x` repeated along dimensions `dims` of `type`.
  Value broadcast(Value x, llvm::ArrayRef<int64_t> dims,
                  mlir::RankedTensorType type) const {
    return mlir::linalg::BroadcastOp::create(b, loc, x, empty(type), dims)
        .getResult()[0];
  }

  /// The element of rank-0 tensor `x` in every element of `type`.
  Value splat(Value x, mlir::RankedTensorType type) const {
    if (type.getRank() == 0)
      return x;
    return broadcast(x, llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())),
                     type);
  }

  /// Float `x` with element type `element`.
  Value convert(Value x, mlir::Type element) const {
    mlir::Type from = mlir::getElementTypeOrSelf(x.getType());
    if (from == element)
      return x;
    mlir::Type type = element;
    if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(x.getType()))
      type = tensor.clone(element);
    if (from.getIntOrFloatBitWidth() > element.getIntOrFloatBitWidth())
      return mlir::arith::TruncFOp::create(b, loc, type, x);
    return mlir::arith::ExtFOp::create(b, loc, type, x);
  }
};

} // namespace sterna

#endif // STERNA_SUPPORT_TENSORBUILDER_H
