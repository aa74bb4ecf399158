//===- TernDecompositions.cpp - Reference decompositions ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each tern op means, in upstream ops. Loop orders are chosen so that the
// innermost dimension is parallel and contiguous where possible: the portable
// tier turns these very loops into code.
//
//===----------------------------------------------------------------------===//

#include "ReferenceBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace sterna::tern;
using namespace sterna::tern::reference;

namespace {

Value unpack(Reference &r, Value weight) {
  auto type = RankedTensorType::get(shapeOf(weight), r.b.getI8Type());
  return UnpackOp::create(r.b, r.loc, type, weight);
}

/// Map of the scale in loops (d0, d1, d2) whose row is `row` and column
/// `column`.
AffineMap scaleMap(OpBuilder &b, Value scale, std::optional<int64_t> group,
                   unsigned row, unsigned column) {
  AffineExpr n = b.getAffineDimExpr(row), k = b.getAffineDimExpr(column);
  if (group)
    return AffineMap::get(3, 0, {n, k.floorDiv(*group)}, b.getContext());
  if (shapeOf(scale)[0] == 1)
    return AffineMap::get(3, 0, {b.getAffineConstantExpr(0)}, b.getContext());
  return AffineMap::get(3, 0, {n}, b.getContext());
}

AffineMap dims3(OpBuilder &b, unsigned x, unsigned y) {
  return AffineMap::get(3, 0, {b.getAffineDimExpr(x), b.getAffineDimExpr(y)},
                        b.getContext());
}

/// `lhs` [M, K] times trits [N, K], the scale applied within the sum: for
/// groups, whose scale changes along K.
Value groupedProduct(Reference &r, MatmulOp op, Type type) {
  OpBuilder &b = r.b;
  Value scale = op.getScale();
  return r.generic(
      "ppr", {op.getLhs(), unpack(r, op.getWeight()), scale},
      {dims3(b, 0, 2), dims3(b, 1, 2), scaleMap(b, scale, op.getGroup(), 1, 2),
       dims3(b, 0, 1)},
      r.zeros(shapeOf(op.getResult()), type), [&](OpBuilder &, ValueRange x) {
        Value weight = r.mul(r.toFloat(x[1], type), r.toFloat(x[2], type));
        return r.add(x[3], r.mul(r.toFloat(x[0], type), weight));
      });
}

} // namespace

SmallVector<Value> CheckpointOp::decompose(OpBuilder &) { return {getInput()}; }

SmallVector<int64_t> CheckpointOp::getParallelDimensions(unsigned) {
  return llvm::to_vector(llvm::seq<int64_t>(0, shapeOf(getInput()).size()));
}

//===----------------------------------------------------------------------===//
// Ternary linear layer
//===----------------------------------------------------------------------===//

SmallVector<Value> LinearOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  if (!getInt8Activations())
    return {MatmulOp::create(b, getLoc(), getType(), getInput(), getWeight(),
                             getScale(), getGroupAttr())};
  Type type = getType().getElementType();
  int64_t tokens = shapeOf(getInput())[0];
  auto quantize = QuantizeOp::create(
      b, getLoc(), RankedTensorType::get(shapeOf(getInput()), b.getI8Type()),
      RankedTensorType::get({tokens}, type), getInput());
  Value product =
      MatmulOp::create(b, getLoc(), getType(), quantize.getQuantized(),
                       getWeight(), getScale(), getGroupAttr());
  Value scale = linalg::BroadcastOp::create(b, getLoc(), quantize.getScale(),
                                            r.empty(getType().getShape(), type),
                                            ArrayRef<int64_t>{1})
                    .getResult()[0];
  return {arith::MulFOp::create(b, getLoc(), product, scale)};
}

SmallVector<Value> QuantizeOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = elementOf(getInput());
  ArrayRef<int64_t> shape = shapeOf(getInput());
  Value largest = r.loops(
      "pr", {{getInput(), {0, 1}}}, {r.zeros(shape[0], r.bitsOf(type)), {0}},
      [&](OpBuilder &, ValueRange x) -> Value {
        return arith::MaxSIOp::create(b, getLoc(), x[1], r.magnitude(x[0]));
      });
  auto quantizer = [&](Value largest) {
    return r.div(r.constant(type, 127),
                 r.atLeast(r.fromMagnitude(largest, type), 1e-5));
  };
  Value quantized = r.loops(
      "pp", {{getInput(), {0, 1}}, {largest, {0}}},
      {r.empty(shape, b.getI8Type()), {0, 1}},
      [&](OpBuilder &, ValueRange x) -> Value {
        Value rounded = math::RoundEvenOp::create(b, getLoc(),
                                                  r.mul(x[0], quantizer(x[1])));
        Value wide = arith::FPToSIOp::create(b, getLoc(), b.getI32Type(),
                                             r.clamp(rounded, -128, 127));
        return arith::TruncIOp::create(b, getLoc(), b.getI8Type(), wide);
      });
  Value scale = r.loops("p", {{largest, {0}}}, {r.empty(shape[0], type), {0}},
                        [&](OpBuilder &, ValueRange x) {
                          return r.onlyIfFinite(x[0], r.div(r.constant(type, 1),
                                                            quantizer(x[0])));
                        });
  return {quantized, scale};
}

SmallVector<Value> MatmulOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  if (getGroup())
    return {groupedProduct(r, *this, type)};
  bool exact = elementOf(getLhs()).isInteger(8);
  Type sumType = exact ? Type(b.getI32Type()) : type;
  Value sum =
      r.loops("ppr", {{getLhs(), {0, 2}}, {unpack(r, getWeight()), {1, 2}}},
              {r.zeros(getType().getShape(), sumType), {0, 1}},
              [&](OpBuilder &, ValueRange x) -> Value {
                if (!exact)
                  return r.add(x[2], r.mul(r.toFloat(x[0], type),
                                           r.toFloat(x[1], type)));
                Value lhs = arith::ExtSIOp::create(b, getLoc(), sumType, x[0]);
                Value rhs = arith::ExtSIOp::create(b, getLoc(), sumType, x[1]);
                Value product = arith::MulIOp::create(b, getLoc(), lhs, rhs);
                return arith::AddIOp::create(b, getLoc(), x[2], product);
              });
  AffineMap id = b.getMultiDimIdentityMap(2);
  AffineMap scale =
      AffineMap::get(2, 0,
                     shapeOf(getScale())[0] == 1 ? b.getAffineConstantExpr(0)
                                                 : b.getAffineDimExpr(1),
                     b.getContext());
  return {r.generic(
      "pp", {sum, getScale()}, {id, scale, id},
      r.empty(getType().getShape(), type), [&](OpBuilder &, ValueRange x) {
        return r.mul(r.toFloat(x[0], type), r.toFloat(x[1], type));
      })};
}

SmallVector<int64_t> MatmulOp::getParallelDimensions(unsigned) {
  return {0, 1};
}

SmallVector<Value> MatmulTransposedOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  return {r.generic(
      "prp", {getLhs(), unpack(r, getWeight()), getScale()},
      {dims3(b, 0, 1), dims3(b, 1, 2),
       scaleMap(b, getScale(), getGroup(), 1, 2), dims3(b, 0, 2)},
      r.zeros(getType().getShape(), type), [&](OpBuilder &, ValueRange x) {
        Value weight = r.mul(r.toFloat(x[1], type), r.toFloat(x[2], type));
        return r.add(x[3], r.mul(x[0], weight));
      })};
}

SmallVector<int64_t> MatmulTransposedOp::getParallelDimensions(unsigned) {
  // A part of the columns would have to begin where a group of scales does.
  if (getGroup())
    return {0};
  return {0, 1};
}

namespace {

/// Inside loops (row, column): reads a matrix in blocks.
struct BlockReader {
  BlockReader(Reference &r, DequantizeOp op)
      : r(r), op(op), row(r.loopIndex(0)), column(r.loopIndex(1)),
        block(quotient(column, blockColumns)),
        place(remainder(column, blockColumns)) {}

  Value read() {
    Value scaled = r.mul(r.toFloat(code(), type()), factor(op.getScale()));
    return op.getMinimum() ? r.add(scaled, factor(op.getMinimum())) : scaled;
  }

private:
  Type type() { return op.getType().getElementType(); }

  Value factor(Value of) {
    return r.toFloat(r.extract(of, {row, block}), type());
  }

  /// i32, less 32 where it has 6 bits.
  Value code() {
    Value low = bits(remainder(place, 16), quotient(place, 16), 4);
    if (op.getMinimum())
      return low;
    Value high =
        bits(add(r.index(16), remainder(place, 8)), quotient(place, 8), 2);
    high = arith::ShLIOp::create(r.b, r.loc, high, r.constant(4));
    return arith::SubIOp::create(r.b, r.loc,
                                 arith::OrIOp::create(r.b, r.loc, low, high),
                                 r.constant(32));
  }

  /// Number `number` of the integers of `width` bits in byte `at` of the block.
  Value bits(Value at, Value number, int width) {
    int64_t size = getBlockBytes(op.getMinimum() ? 4 : 6);
    Value byte = r.extract(op.getCodes(), {row, add(times(block, size), at)});
    byte = arith::ExtUIOp::create(r.b, r.loc, r.b.getI32Type(), byte);
    Value shift = arith::IndexCastOp::create(r.b, r.loc, r.b.getI32Type(),
                                             times(number, width));
    return arith::AndIOp::create(
        r.b, r.loc, arith::ShRUIOp::create(r.b, r.loc, byte, shift),
        r.constant((1 << width) - 1));
  }

  // Indices.
  Value add(Value x, Value y) {
    return arith::AddIOp::create(r.b, r.loc, x, y);
  }
  Value times(Value x, int64_t y) {
    return arith::MulIOp::create(r.b, r.loc, x, r.index(y));
  }
  Value quotient(Value x, int64_t y) {
    return arith::DivUIOp::create(r.b, r.loc, x, r.index(y));
  }
  Value remainder(Value x, int64_t y) {
    return arith::RemUIOp::create(r.b, r.loc, x, r.index(y));
  }

  Reference &r;
  DequantizeOp op;
  Value row, column, block, place;
};

} // namespace

SmallVector<Value> DequantizeOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  // Loops without inputs are computed where they are read.
  return {r.loops(
      "pp", {}, {r.empty(getType().getShape(), elementOf(getResult())), {0, 1}},
      [&](OpBuilder &, ValueRange) { return BlockReader(r, *this).read(); })};
}

SmallVector<int64_t> DequantizeOp::getParallelDimensions(unsigned) {
  return {0, 1};
}

//===----------------------------------------------------------------------===//
// Transformer block
//===----------------------------------------------------------------------===//

SmallVector<Value> EmbeddingOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  // Halves are chosen as f32, exactly: a GPU may have none to choose from.
  Type wide = type.isF16() || type.isBF16() ? Type(b.getF32Type()) : type;
  int64_t rows = shapeOf(getTable())[0];
  SmallVector<Operand> inputs{{getIds(), {0}}};
  if (getInit())
    inputs.push_back({getInit(), {0, 1}});
  return {r.loops(
      "pp", inputs, {r.empty(getType().getShape(), type), {0, 1}},
      [&](OpBuilder &, ValueRange x) -> Value {
        Value id = x[0];
        if (getOffset() != 0)
          id = arith::SubIOp::create(b, getLoc(), id,
                                     r.constant(int32_t(getOffset())));
        // One unsigned comparison also catches negative ids.
        Value valid =
            r.compare(arith::CmpIPredicate::ult, id, r.constant(int32_t(rows)));
        Value row = r.toIndex(r.select(valid, id, r.constant(0)));
        Value read = r.extract(getTable(), {row, r.loopIndex(1)});
        if (type.isInteger()) {
          Value none = arith::ConstantIntOp::create(b, getLoc(), type, 0);
          return r.select(valid, read, getInit() ? x[1] : none);
        }
        read = r.toFloat(read, wide);
        if (getScale())
          read = r.mul(read, r.toFloat(r.extract(getScale(), row), wide));
        Value none = getInit() ? r.toFloat(x[1], wide) : r.constant(wide, 0);
        return r.toFloat(r.select(valid, read, none), type);
      })};
}

SmallVector<int64_t> EmbeddingOp::getParallelDimensions(unsigned) {
  return {0, 1};
}

SmallVector<Value> EmbeddingGradOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = elementOf(getCotangent());
  ArrayRef<int64_t> shape = getType().getShape();
  auto rowType = RankedTensorType::get({1, shape[1]}, type);
  SmallVector<OpFoldResult> sizes{b.getIndexAttr(1), b.getIndexAttr(shape[1])};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  auto rowOf = [&](OpBuilder &nested, Value matrix, Value row) -> Value {
    return tensor::ExtractSliceOp::create(nested, getLoc(), rowType, matrix,
                                          {row, b.getIndexAttr(0)}, sizes,
                                          strides);
  };
  auto loop = scf::ForOp::create(
      b, getLoc(), r.index(0), r.index(shapeOf(getIds())[0]), r.index(1),
      r.zeros(shape, type),
      [&](OpBuilder &nested, Location loc, Value t, ValueRange sums) {
        Reference inner{nested, loc};
        Value id = inner.extract(getIds(), t);
        id = arith::SubIOp::create(nested, loc, id,
                                   inner.constant(int32_t(getOffset())));
        Value valid = inner.compare(arith::CmpIPredicate::ult, id,
                                    inner.constant(int32_t(shape[0])));
        Value row = inner.toIndex(inner.select(valid, id, inner.constant(0)));
        Value sum = inner.loops(
            "pp", {{rowOf(nested, getCotangent(), t), {0, 1}}},
            {rowOf(nested, sums[0], row), {0, 1}},
            [&](OpBuilder &, ValueRange x) {
              return inner.select(valid, inner.add(x[1], x[0]), x[1]);
            });
        Value next = tensor::InsertSliceOp::create(nested, loc, sum, sums[0],
                                                   {row, b.getIndexAttr(0)},
                                                   sizes, strides);
        scf::YieldOp::create(nested, loc, next);
      });
  if (type == elementOf(getResult()))
    return {loop.getResult(0)};
  return {r.loops("pp", {{loop.getResult(0), {0, 1}}},
                  {r.empty(shape, elementOf(getResult())), {0, 1}},
                  [&](OpBuilder &, ValueRange x) {
                    return r.toFloat(x[0], elementOf(getResult()));
                  })};
}

// Rows go where run-time ids say, so no split of the result is known.
SmallVector<int64_t> EmbeddingGradOp::getParallelDimensions(unsigned) {
  return {};
}

/// `1 / sqrt(mean(x^2) + epsilon)` of each row.
static Value inverseRms(Reference &r, Value input, double epsilon) {
  Type type = elementOf(input);
  ArrayRef<int64_t> shape = shapeOf(input);
  Value sum = r.loops("pr", {{input, {0, 1}}}, {r.zeros(shape[0], type), {0}},
                      [&](OpBuilder &, ValueRange x) {
                        return r.add(x[1], r.mul(x[0], x[0]));
                      });
  return r.loops("p", {{sum, {0}}}, {r.empty(shape[0], type), {0}},
                 [&](OpBuilder &b, ValueRange x) {
                   Value mean =
                       r.mul(x[0], r.constant(type, 1.0 / double(shape[1])));
                   Value root = math::SqrtOp::create(
                       b, r.loc, r.add(mean, r.constant(type, epsilon)));
                   return r.div(r.constant(type, 1), root);
                 });
}

SmallVector<Value> RmsNormOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  Value inverse = inverseRms(r, getInput(), getEpsilon().convertToDouble());
  return {r.loops("pp",
                  {{getInput(), {0, 1}}, {inverse, {0}}, {getWeight(), {1}}},
                  {r.empty(getType().getShape(), type), {0, 1}},
                  [&](OpBuilder &, ValueRange x) {
                    return r.mul(r.mul(x[0], x[1]), r.toFloat(x[2], type));
                  })};
}

SmallVector<Value> RmsNormGradOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  ArrayRef<int64_t> shape = getType().getShape();
  Value inverse = inverseRms(r, getInput(), getEpsilon().convertToDouble());
  Value dot = r.loops(
      "pr",
      {{getInput(), {0, 1}}, {getWeight(), {1}}, {getCotangent(), {0, 1}}},
      {r.zeros(shape[0], type), {0}}, [&](OpBuilder &, ValueRange x) {
        Value g = r.mul(r.toFloat(x[1], type), x[2]);
        return r.add(x[3], r.mul(g, x[0]));
      });
  return {r.loops(
      "pp",
      {{getInput(), {0, 1}},
       {getWeight(), {1}},
       {getCotangent(), {0, 1}},
       {inverse, {0}},
       {dot, {0}}},
      {r.empty(shape, type), {0, 1}}, [&](OpBuilder &, ValueRange x) {
        Value g = r.mul(r.toFloat(x[1], type), x[2]);
        Value mean = r.mul(x[4], r.constant(type, 1.0 / double(shape[1])));
        Value along = r.mul(r.mul(x[0], r.mul(x[3], x[3])), mean);
        return r.mul(x[3], r.sub(g, along));
      })};
}

SmallVector<Value> RopeOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  Type type = getType().getElementType();
  int64_t half = shapeOf(getCosine())[1], positions = shapeOf(getCosine())[0];
  auto tokenPosition = [&] {
    if (!shapeOf(getPosition()).empty())
      return r.toIndex(
          r.extract(getPosition(), {r.loopIndex(0), r.loopIndex(1)}));
    Value start = r.toIndex(r.extract(getPosition()));
    return arith::AddIOp::create(b, getLoc(), start, r.loopIndex(1))
        .getResult();
  };
  auto body = [&](OpBuilder &, ValueRange x) -> Value {
    Value d = r.loopIndex(3), width = r.index(half);
    Value first = r.compare(arith::CmpIPredicate::ult, d, width);
    Value above = arith::AddIOp::create(b, getLoc(), d, width);
    Value below = arith::SubIOp::create(b, getLoc(), d, width);
    Value passes = r.compare(arith::CmpIPredicate::uge, d, r.index(2 * half));
    // A dimension that passes through reads itself, within bounds.
    Value partner = r.select(passes, d, r.select(first, above, below));
    Value column = r.select(passes, r.index(0), r.select(first, d, below));
    Value position = tokenPosition();
    Value isNone = r.compare(arith::CmpIPredicate::slt, position, r.index(0));
    // Within the table, whatever it is.
    position =
        arith::MinUIOp::create(b, getLoc(), position, r.index(positions - 1));
    Value other = r.extract(
        getInput(), {r.loopIndex(0), r.loopIndex(1), r.loopIndex(2), partner});
    Value cosine = r.extract(getCosine(), {position, column});
    Value sine = r.extract(getSine(), {position, column});
    Value turned = r.mul(other, r.toFloat(sine, type));
    Value negated = arith::NegFOp::create(b, getLoc(), turned);
    Value signedTurn = getInverse() ? r.select(first, turned, negated)
                                    : r.select(first, negated, turned);
    Value rotated = r.add(r.mul(x[0], r.toFloat(cosine, type)), signedTurn);
    return r.select(arith::OrIOp::create(b, getLoc(), passes, isNone), x[0],
                    rotated);
  };
  return {r.loops("pppp", {{getInput(), {0, 1, 2, 3}}},
                  {r.empty(getType().getShape(), type), {0, 1, 2, 3}}, body)};
}

SmallVector<int64_t> RopeOp::getParallelDimensions(unsigned) {
  return {1, 0, 2, 3};
}

SmallVector<Value> CacheUpdateOp::decompose(OpBuilder &b) {
  Reference r{b, getLoc()};
  ArrayRef<int64_t> update = shapeOf(getUpdate());
  Value position = r.toIndex(r.extract(getPosition()));
  Value length = r.toIndex(r.extract(getLength()));
  Value room = arith::SubIOp::create(b, getLoc(),
                                     r.index(shapeOf(getCache())[0]), position);
  Value rows = arith::MinSIOp::create(b, getLoc(), length, room);
  rows = arith::MinSIOp::create(b, getLoc(), rows, r.index(update[0]));
  Value isNone = r.compare(arith::CmpIPredicate::slt, position, r.index(0));
  rows = r.select(isNone, r.index(0), rows);
  SmallVector<OpFoldResult> sizes{b.getIndexAttr(1), b.getIndexAttr(update[1]),
                                  b.getIndexAttr(update[2])};
  SmallVector<OpFoldResult> strides(3, b.getIndexAttr(1));
  auto offsets = [&](Value row) {
    return SmallVector<OpFoldResult>{row, b.getIndexAttr(0), b.getIndexAttr(0)};
  };
  auto loop = scf::ForOp::create(
      b, getLoc(), r.index(0), rows, r.index(1), getCache(),
      [&](OpBuilder &nested, Location loc, Value t, ValueRange cache) {
        Value row = tensor::ExtractSliceOp::create(nested, loc, getUpdate(),
                                                   offsets(t), sizes, strides);
        Value at = arith::AddIOp::create(nested, loc, position, t);
        if (Type type = elementOf(getCache()); type != elementOf(row)) {
          Reference r{nested, loc};
          Value old = tensor::ExtractSliceOp::create(
              nested, loc, cache[0], offsets(at), sizes, strides);
          row = r.loops(
              "ppp", {{row, {0, 1, 2}}}, {old, {0, 1, 2}},
              [&](OpBuilder &, ValueRange x) { return r.toFloat(x[0], type); });
        }
        Value next = tensor::InsertSliceOp::create(nested, loc, row, cache[0],
                                                   offsets(at), sizes, strides);
        scf::YieldOp::create(nested, loc, next);
      });
  return {loop.getResult(0)};
}

// Rows go where a run-time position says, so no split of the result is known.
SmallVector<int64_t> CacheUpdateOp::getParallelDimensions(unsigned) {
  return {};
}
