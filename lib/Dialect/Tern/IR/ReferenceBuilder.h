//===- ReferenceBuilder.h - Builds loops of reference decompositions ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A short notation for linalg.generic and the scalars in it, shared by the
// decompositions of linear layers, of attention and of the loss.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DIALECT_TERN_IR_REFERENCEBUILDER_H
#define STERNA_LIB_DIALECT_TERN_IR_REFERENCEBUILDER_H

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

#include <limits>

namespace sterna::tern::reference {

using namespace mlir;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Dimensions of an operand, as indices of the loops.
using Dims = SmallVector<unsigned>;

struct Operand {
  Value value;
  Dims dims;
};

/// Builds the loops and scalars of decompositions.
struct Reference : TensorBuilder {
  using TensorBuilder::constant;
  using TensorBuilder::empty;
  using TensorBuilder::zeros;

  Value constant(int32_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value empty(ArrayRef<int64_t> shape, Type type) {
    return empty(RankedTensorType::get(shape, type));
  }
  Value zeros(ArrayRef<int64_t> shape, Type type) {
    return zeros(RankedTensorType::get(shape, type));
  }
  Value filled(ArrayRef<int64_t> shape, Type type, double value) {
    return linalg::FillOp::create(b, loc, constant(type, value),
                                  empty(shape, type))
        .getResult(0);
  }

  /// Loops over `kinds` ('p' parallel, 'r' reduction), outermost first; `body`
  /// gets the scalars of the inputs and of the output.
  Value loops(StringRef kinds, ArrayRef<Operand> inputs, const Operand &output,
              function_ref<Value(OpBuilder &, ValueRange)> body) {
    SmallVector<AffineMap> maps;
    SmallVector<Value> values;
    auto addMap = [&](const Operand &operand) {
      SmallVector<AffineExpr> results;
      for (unsigned dim : operand.dims)
        results.push_back(b.getAffineDimExpr(dim));
      maps.push_back(AffineMap::get(kinds.size(), 0, results, b.getContext()));
    };
    for (const Operand &input : inputs) {
      addMap(input);
      values.push_back(input.value);
    }
    addMap(output);
    return generic(kinds, values, maps, output.value, body);
  }

  /// As above, with explicit indexing maps.
  Value generic(StringRef kinds, ValueRange inputs, ArrayRef<AffineMap> maps,
                Value output,
                function_ref<Value(OpBuilder &, ValueRange)> body) {
    SmallVector<utils::IteratorType> iterators;
    for (char kind : kinds)
      iterators.push_back(kind == 'p' ? utils::IteratorType::parallel
                                      : utils::IteratorType::reduction);
    auto op = linalg::GenericOp::create(
        b, loc, output.getType(), inputs, output, maps, iterators,
        [&](OpBuilder &nested, Location, ValueRange args) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(nested.getInsertionBlock(),
                              nested.getInsertionPoint());
          Value result = body(b, args);
          linalg::YieldOp::create(b, loc, result);
        });
    return op.getResult(0);
  }

  // Scalars, at the insertion point.
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }
  Value max(Value x, Value y) { return arith::MaxNumFOp::create(b, loc, x, y); }
  // Bounds that are taken for a NaN. Comparisons say that on every target,
  // where minima and maxima of a NaN are undefined on some.
  Value atLeast(Value x, double bound) {
    return bounded(arith::CmpFPredicate::OGT, x, bound);
  }
  Value clamp(Value x, double low, double high) {
    return bounded(arith::CmpFPredicate::OLT, atLeast(x, low), high);
  }
  Value bounded(arith::CmpFPredicate predicate, Value x, double bound) {
    Value limit = constant(x.getType(), bound);
    return select(compare(predicate, x, limit), x, limit);
  }

  // Magnitudes as integers: their bits have the order of the floats, and a NaN
  // is the largest.
  Type bitsOf(Type type) {
    return b.getIntegerType(type.getIntOrFloatBitWidth());
  }
  Value magnitude(Value x) {
    Type type = bitsOf(x.getType());
    Value mask = arith::ConstantOp::create(
        b, loc,
        b.getIntegerAttr(
            type, APInt::getSignedMaxValue(type.getIntOrFloatBitWidth())));
    Value bits = arith::BitcastOp::create(b, loc, type, x);
    return arith::AndIOp::create(b, loc, bits, mask);
  }
  Value fromMagnitude(Value bits, Type type) {
    return arith::BitcastOp::create(b, loc, type, bits);
  }
  /// `x` where the float of these bits is finite, else a NaN.
  Value onlyIfFinite(Value bits, Value x) {
    auto type = cast<FloatType>(x.getType());
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    Value infinite = arith::ConstantOp::create(
        b, loc,
        b.getIntegerAttr(bits.getType(),
                         APFloat::getInf(semantics).bitcastToAPInt()));
    Value nan = arith::ConstantOp::create(
        b, loc, b.getFloatAttr(type, APFloat::getNaN(semantics)));
    return select(compare(arith::CmpIPredicate::slt, bits, infinite), x, nan);
  }
  /// Inside loops (row, column): the integer above `y` as often as `y` is near
  /// to it, else that below, by a hash of `seed` and the place.
  Value roundStochastically(Value y, Value seed) {
    Type type = y.getType();
    Value hash = pcgHash(seed);
    for (unsigned dim : {0, 1}) {
      Value place =
          arith::IndexCastOp::create(b, loc, b.getI32Type(), loopIndex(dim));
      hash = pcgHash(arith::AddIOp::create(b, loc, place, hash));
    }
    hash = arith::ShRUIOp::create(b, loc, hash, constant(8));
    Value uniform = mul(arith::SIToFPOp::create(b, loc, type, hash),
                        constant(type, 0x1p-24));
    Value floor = math::FloorOp::create(b, loc, y);
    Value up = compare(arith::CmpFPredicate::OLT, uniform, sub(y, floor));
    return add(floor, select(up, constant(type, 1), constant(type, 0)));
  }
  Value pcgHash(Value x) {
    auto times = [&](Value x, uint32_t y) -> Value {
      return arith::MulIOp::create(b, loc, x, constant(int32_t(y)));
    };
    auto shift = [&](Value x, Value y) -> Value {
      return arith::ShRUIOp::create(b, loc, x, y);
    };
    Value state = arith::AddIOp::create(b, loc, times(x, 747796405u),
                                        constant(int32_t(2891336453u)));
    Value count =
        arith::AddIOp::create(b, loc, shift(state, constant(28)), constant(4));
    Value word = times(
        arith::XOrIOp::create(b, loc, shift(state, count), state), 277803737u);
    return arith::XOrIOp::create(b, loc, shift(word, constant(22)), word);
  }
  Value loopIndex(unsigned dim) { return linalg::IndexOp::create(b, loc, dim); }
  Value toIndex(Value x) {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), x);
  }
  Value extract(Value tensor, ValueRange indices = {}) {
    return tensor::ExtractOp::create(b, loc, tensor, indices);
  }
  /// Widens `x` to float type `type`; integers are converted.
  Value toFloat(Value x, Type type) {
    if (x.getType() == type)
      return x;
    if (x.getType().isInteger())
      return arith::SIToFPOp::create(b, loc, type, x);
    if (x.getType().getIntOrFloatBitWidth() == type.getIntOrFloatBitWidth())
      x = arith::ExtFOp::create(b, loc, b.getF32Type(), x); // f16 and bf16
    if (x.getType().getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
      return arith::TruncFOp::create(b, loc, type, x);
    return arith::ExtFOp::create(b, loc, type, x);
  }
};

inline Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}
inline ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

} // namespace sterna::tern::reference

#endif // STERNA_LIB_DIALECT_TERN_IR_REFERENCEBUILDER_H
