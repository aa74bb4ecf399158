//===- AttentionRows.cpp - Steps of attention on a block of rows ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See AttentionRows.h.
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
/// Rows that share what they read from the cache, at most: few where columns
/// are few, for all of them compute what the last of them sees.
int64_t mostRows(int64_t columns) { return columns <= 256 ? 8 : 16; }
/// Scores of a block, which are to stay in the second-level cache; one row may
/// be more.
constexpr int64_t scoreBytes = 512 * 1024;
/// Columns that all rows weight before any goes on, so that they are read from
/// the first-level cache.
constexpr int64_t columnBlock = 64;

} // namespace

AttentionShape::AttentionShape(const kernels::Attention &attention,
                               const TargetInfo &target)
    : Attention(attention), vectorLanes(target.vectorLanes),
      registers(target.registers) {
  int64_t fitting = scoreBytes / (4 * alignedColumns());
  blockRows =
      std::min({mostRows(columns), rows(), std::max<int64_t>(fitting, 1)});
}

//===----------------------------------------------------------------------===//
// Blocks and their scratch
//===----------------------------------------------------------------------===//

AttentionRows::AttentionRows(KernelBuilder &k, const AttentionShape &shape,
                             ValueRange buffers)
    : k(k), shape(shape) {
  if (shape.keySegments) {
    querySegments = buffers[*shape.querySegments];
    keySegments = buffers[*shape.keySegments];
    segments = k.scratch({shape.alignedColumns()}, k.b.getI32Type());
  }
  if (shape.keyScales) {
    keyScales = buffers[*shape.keyScales];
    valueScales = buffers[*shape.valueScales];
    headKeyScales = k.scratch({shape.alignedColumns()}, k.b.getF32Type());
    headValueScales = k.scratch({shape.alignedColumns()}, k.b.getF32Type());
  }
  if (!shape.positionArgument) {
    start = k.index(shape.position);
    return;
  }
  Value position = k.load(buffers[*shape.positionArgument], {});
  start = arith::IndexCastOp::create(k.b, k.loc, k.b.getIndexType(), position);
}

Value AttentionRows::endOf(Value row) {
  Value end = k.add(k.add(start, k.div(row, shape.groups)), 1);
  return k.b.createOrFold<arith::MaxSIOp>(k.loc, end, k.index(0));
}

Value AttentionRows::lowerOf(Value row) {
  Value lower = k.sub(endOf(row), k.index(*shape.window));
  return k.b.createOrFold<arith::MaxSIOp>(k.loc, lower, k.index(0));
}

AttentionRows::Sight AttentionRows::sightOf(const RowBlock &block, Value row) {
  Value number = k.add(block.first, row);
  Sight sight{shape.window ? lowerOf(number) : Value(),
              k.min(endOf(number), shape.columns), Value()};
  if (!shape.keySegments)
    return sight;
  Value own = k.load(querySegments, {block.batch, k.div(number, shape.groups)});
  // No column has this one.
  Value none = arith::ConstantIntOp::create(k.b, k.loc, -2, 32);
  Value isNone =
      arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::slt, own,
                            arith::ConstantIntOp::create(k.b, k.loc, 0, 32));
  sight.segment = k.select(isNone, none, own);
  return sight;
}

void AttentionRows::copySegments(Value batch) {
  Value none = arith::ConstantIntOp::create(k.b, k.loc, -1, 32);
  for (int64_t c = shape.columns; c < shape.alignedColumns(); ++c)
    k.store(none, segments, k.index(c));
  k.loop(shape.columns, [&](Value c) {
    Value segment = k.load(keySegments, {batch, c});
    segment = arith::MaxSIOp::create(k.b, k.loc, segment, none);
    k.store(segment, segments, c);
  });
}

RowBlock AttentionRows::block(Value batch, Value head, Value first) {
  Value count = k.min(k.sub(k.index(shape.rows()), first), shape.blockRows);
  Value last = k.sub(k.add(first, count), k.index(1));
  Value begin = k.index(0);
  if (shape.window)
    begin = k.mul(k.div(lowerOf(first), shape.vectorLanes), shape.vectorLanes);
  if (shape.keySegments)
    copySegments(batch);
  RowBlock block{batch, head,  first,
                 count, begin, k.min(endOf(last), shape.columns)};
  if (shape.keyScales) {
    copyScales(block, keyScales, headKeyScales);
    copyScales(block, valueScales, headValueScales);
  }
  return block;
}

void AttentionRows::copyScales(const RowBlock &block, Value source,
                               Value scratch) {
  k.loop(block.begin, block.bound, 1, [&](Value c) {
    k.store(k.load(source, {block.batch, c, block.head}), scratch, c);
  });
}

Value AttentionRows::wideScratch() {
  return k.scratch({shape.blockRows, shape.alignedWidth()}, k.b.getF32Type());
}

Value AttentionRows::columnScratch() {
  // An odd number of cache lines: else rows would meet in few sets of a cache.
  int64_t lines = llvm::divideCeil(shape.alignedColumns(), 16) | 1;
  return k.scratch({shape.blockRows, lines * 16}, k.b.getF32Type());
}

SmallVector<Value> AttentionRows::rowIndices(const RowBlock &block, Value row,
                                             int64_t d) {
  Value number = k.add(block.first, row);
  return {block.batch, k.div(number, shape.groups), block.head,
          k.rem(number, shape.groups), k.index(d)};
}

SmallVector<Value> AttentionRows::columnIndices(const RowBlock &block,
                                                Value column, Value d) {
  return {block.batch, column, block.head, d};
}

Value AttentionRows::loadPadded(Value memref, ValueRange indices,
                                int64_t width) {
  return k.pad(k.toF32(k.loadVector(memref, indices, width)),
               shape.vectorLanes);
}

void AttentionRows::copyRows(const RowBlock &block, Value source,
                             Value scratch) {
  k.loop(k.index(0), block.count, 1, [&](Value row) {
    for (int64_t v = 0; v < vectors(); ++v) {
      SmallVector<Value> indices =
          rowIndices(block, row, v * shape.vectorLanes);
      k.storeVector(loadPadded(source, indices, widthAt(v)), scratch,
                    {row, at(v)});
    }
  });
}

void AttentionRows::storeRow(const RowBlock &block, Value row, Value scratch,
                             Value factor, Value target) {
  Value factors = k.splat(factor, shape.vectorLanes);
  for (int64_t v = 0; v < vectors(); ++v) {
    Value x = k.loadVector(scratch, {row, at(v)}, shape.vectorLanes);
    x = arith::MulFOp::create(k.b, k.loc, x, factors);
    k.storeVector(k.resize(x, widthAt(v)), target,
                  rowIndices(block, row, v * shape.vectorLanes));
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

AttentionRows::TileSize AttentionRows::tileOf(int64_t count) const {
  TileSize best{1, 1};
  auto productsPerLoad = [](TileSize size) {
    return double(size.items * size.vectors) /
           double(size.items + size.vectors);
  };
  for (int64_t items = 1; items <= count; ++items) {
    if (count % items)
      continue;
    // Sums; the fewer of weights and vectors, and one of the others.
    int64_t most = vectors();
    while (most > 1 &&
           items * most + std::min(items, most) + 1 > shape.registers)
      --most;
    // Even tiles: the last is no small rest.
    int64_t tiles = llvm::divideCeil(vectors(), most);
    TileSize size{items, int64_t(llvm::divideCeil(vectors(), tiles))};
    if (items * size.vectors < shape.registers &&
        productsPerLoad(size) > productsPerLoad(best))
      best = size;
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Products and softmax
//===----------------------------------------------------------------------===//

SmallVector<Value> AttentionRows::addProducts(const RowBlock &block, Value x,
                                              ArrayRef<Value> rows,
                                              Value matrix,
                                              ArrayRef<Value> columns, Value d,
                                              int64_t width, ValueRange sums) {
  SmallVector<Value> right, next;
  for (Value column : columns)
    right.push_back(loadPadded(matrix, columnIndices(block, column, d), width));
  for (Value row : rows) {
    Value left = k.loadVector(x, {row, d}, shape.vectorLanes);
    for (Value r : right)
      next.push_back(k.fma(left, r, sums[next.size()]));
  }
  return next;
}

void AttentionRows::productsOfEight(const RowBlock &block, Value x,
                                    Value matrix, Value first, Value out) {
  Value last = k.sub(block.bound, k.index(1));
  SmallVector<Value> columns;
  for (int64_t i = 0; i < lanes; ++i)
    columns.push_back(k.min(k.add(first, i), last));
  int64_t whole = shape.width / shape.vectorLanes * shape.vectorLanes;
  // 8 sums a row, and as many registers for what is multiplied; an even number
  // of rows makes a tile without a rest.
  int64_t rowCount =
      shape.registers >= 3 * lanes && shape.blockRows % 2 == 0 ? 2 : 1;
  k.loop(k.index(0), block.count, rowCount, [&](Value firstRow) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < rowCount; ++i)
      rows.push_back(k.add(firstRow, i));
    SmallVector<Value> sums(rowCount * lanes,
                            k.floatVector(0, shape.vectorLanes));
    if (whole)
      sums = k.loop(k.index(0), k.index(whole), shape.vectorLanes, sums,
                    [&](Value d, ValueRange sums) {
                      return addProducts(block, x, rows, matrix, columns, d,
                                         shape.vectorLanes, sums);
                    });
    if (whole < shape.width)
      sums = addProducts(block, x, rows, matrix, columns, k.index(whole),
                         shape.width - whole, sums);
    for (auto [i, row] : llvm::enumerate(rows))
      k.storeVector(k.sumEach(ArrayRef(sums).slice(i * lanes, lanes)), out,
                    {row, first});
  });
}

void AttentionRows::products(const RowBlock &block, Value x, Value matrix,
                             Value out) {
  k.loop(block.begin, block.bound, shape.vectorLanes, [&](Value first) {
    for (int64_t i = 0; i < shape.vectorLanes; i += lanes)
      productsOfEight(block, x, matrix, k.add(first, i), out);
  });
}

Value AttentionRows::visible(Value column, const Sight &sight) {
  Type i32 = k.b.getI32Type();
  int64_t width = shape.vectorLanes;
  auto compare = [&](arith::CmpIPredicate predicate, Value x,
                     Value y) -> Value {
    if (y.getType().isIndex())
      y = arith::IndexCastOp::create(k.b, k.loc, i32, y);
    return arith::CmpIOp::create(k.b, k.loc, predicate, x, k.splat(y, width));
  };
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(width)));
  Value first = arith::IndexCastOp::create(k.b, k.loc, i32, column);
  Value each = arith::AddIOp::create(k.b, k.loc, k.splat(first, width),
                                     k.intVector(numbers));
  Value seen = compare(arith::CmpIPredicate::ult, each, sight.bound);
  if (sight.lower)
    seen = arith::AndIOp::create(
        k.b, k.loc, seen,
        compare(arith::CmpIPredicate::uge, each, sight.lower));
  if (sight.segment)
    seen = arith::AndIOp::create(
        k.b, k.loc, seen,
        compare(arith::CmpIPredicate::eq,
                k.loadVector(segments, {column}, width), sight.segment));
  return seen;
}

Value AttentionRows::isBlind(const Sight &sight, Value seen) {
  if (sight.segment) {
    Value any = vector::ReductionOp::create(k.b, k.loc,
                                            vector::CombiningKind::OR, seen);
    Value yes = arith::ConstantIntOp::create(k.b, k.loc, 1, 1);
    return arith::XOrIOp::create(k.b, k.loc, any, yes);
  }
  Value lower = sight.lower ? sight.lower : k.index(0);
  return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::ule,
                               sight.bound, lower);
}

Value AttentionRows::exponentials(const RowBlock &block, Value row,
                                  Value products) {
  Sight sight = sightOf(block, row);
  int64_t width = shape.vectorLanes;
  Value scale = k.floatVector(shape.scale, width);
  Value low = k.floatVector(-infinity, width);
  SmallVector<Value> carried{low};
  if (sight.segment)
    carried.push_back(k.intVector(0, width, 1));
  carried = k.loop(
      block.begin, block.bound, width, carried, [&](Value c, ValueRange old) {
        Value x = k.loadVector(products, {row, c}, width);
        if (headKeyScales)
          x = arith::MulFOp::create(k.b, k.loc, x,
                                    k.loadVector(headKeyScales, {c}, width));
        x = arith::MulFOp::create(k.b, k.loc, x, scale);
        Value seen = visible(c, sight);
        x = k.select(seen, x, low);
        k.storeVector(x, products, {row, c});
        Value above = arith::CmpFOp::create(
            k.b, k.loc, arith::CmpFPredicate::OGT, x, old[0]);
        SmallVector<Value> next{k.select(above, x, old[0])};
        if (sight.segment)
          next.push_back(arith::OrIOp::create(k.b, k.loc, old[1], seen));
        return next;
      });
  Value maximum = vector::ReductionOp::create(
      k.b, k.loc, vector::CombiningKind::MAXNUMF, carried[0]);
  // A row that sees no column is left with exp(-inf), weights of zero.
  Value zero = arith::ConstantOp::create(k.b, k.loc, k.b.getF32FloatAttr(0));
  Value blind = isBlind(sight, carried.back());
  maximum = k.select(blind, zero, maximum);
  Value sums = k.loop(
      block.begin, block.bound, width, k.floatVector(0, width),
      [&](Value c, ValueRange sums) {
        Value x = k.loadVector(products, {row, c}, width);
        x = arith::SubFOp::create(k.b, k.loc, x, k.splat(maximum, width));
        x = math::ExpOp::create(k.b, k.loc, x);
        Value sum = arith::AddFOp::create(k.b, k.loc, sums[0], x);
        if (headValueScales)
          x = arith::MulFOp::create(k.b, k.loc, x,
                                    k.loadVector(headValueScales, {c}, width));
        k.storeVector(x, products, {row, c});
        return SmallVector<Value>{sum};
      })[0];
  Value sum =
      vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::ADD, sums);
  Value one = arith::ConstantOp::create(k.b, k.loc, k.b.getF32FloatAttr(1));
  return k.select(blind, zero, arith::DivFOp::create(k.b, k.loc, one, sum));
}

//===----------------------------------------------------------------------===//
// Weighted sums
//===----------------------------------------------------------------------===//

void AttentionRows::weightedRows(const RowBlock &block, Value weights,
                                 Value matrix, Value out) {
  k.loop(k.index(0), block.count, 1, [&](Value row) {
    for (int64_t v = 0; v < vectors(); ++v)
      k.storeVector(k.floatVector(0, shape.vectorLanes), out, {row, at(v)});
  });
  auto [rowCount, tileVectors] = tileOf(shape.blockRows);
  k.loop(block.begin, block.bound, columnBlock, [&](Value first) {
    Value end = k.min(k.add(first, columnBlock), block.bound);
    k.loop(k.index(0), block.count, rowCount, [&](Value row) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < rowCount; ++i)
        rows.push_back(k.add(row, i));
      for (int64_t v = 0; v < vectors(); v += tileVectors)
        addToTile(block, weights, out, matrix, {rows, v, tileVectors, false},
                  first, end);
    });
  });
}

void AttentionRows::addWeightedColumns(const RowBlock &block, Value weights,
                                       Value x, Value matrix) {
  // Weights behind the bound are zeros up to a whole vector of columns.
  auto [columnCount, tileVectors] =
      tileOf(std::gcd(shape.columns, shape.vectorLanes));
  k.loop(block.begin, block.bound, columnCount, [&](Value first) {
    SmallVector<Value> columns;
    for (int64_t i = 0; i < columnCount; ++i)
      columns.push_back(k.add(first, i));
    for (int64_t v = 0; v < vectors(); v += tileVectors)
      addToTile(block, weights, x, matrix, {columns, v, tileVectors, true},
                k.index(0), block.count);
  });
}

void AttentionRows::addToTile(const RowBlock &block, Value weights, Value rows,
                              Value matrix, const Tile &tile, Value begin,
                              Value end) {
  auto vectorNumbers = llvm::seq(
      tile.firstVector, std::min(tile.firstVector + tile.vectors, vectors()));
  auto load = [&](bool isColumn, Value item, int64_t v) -> Value {
    if (isColumn)
      return loadPadded(matrix, columnIndices(block, item, at(v)), widthAt(v));
    return k.loadVector(rows, {item, at(v)}, shape.vectorLanes);
  };
  SmallVector<Value> sums;
  for (Value item : tile.items)
    for (int64_t v : vectorNumbers)
      sums.push_back(load(tile.isOfColumns, item, v));
  size_t width = llvm::size(vectorNumbers);
  sums = k.loop(begin, end, 1, sums, [&](Value step, ValueRange sums) {
    auto loadWeight = [&](size_t i) {
      Value item = tile.items[i];
      Value weight = tile.isOfColumns ? k.load(weights, {step, item})
                                      : k.load(weights, {item, step});
      return k.splat(weight, shape.vectorLanes);
    };
    auto loadVector = [&](size_t i) {
      return load(!tile.isOfColumns, step, tile.firstVector + int64_t(i));
    };
    // The fewer are held; of the others one at a time is in a register.
    bool holdsWeights = tile.items.size() < width;
    SmallVector<Value> held, next(sums);
    for (size_t i = 0; i < std::min(tile.items.size(), width); ++i)
      held.push_back(holdsWeights ? loadWeight(i) : loadVector(i));
    for (size_t j = 0; j < std::max(tile.items.size(), width); ++j) {
      Value other = holdsWeights ? loadVector(j) : loadWeight(j);
      for (auto [i, factor] : llvm::enumerate(held)) {
        Value &sum = next[holdsWeights ? i * width + j : j * width + i];
        sum = k.fma(factor, other, sum);
      }
    }
    return next;
  });
  auto *sum = sums.begin();
  for (Value item : tile.items)
    for (int64_t v : vectorNumbers)
      if (tile.isOfColumns)
        k.storeVector(k.resize(*sum++, widthAt(v)), matrix,
                      columnIndices(block, item, at(v)));
      else
        k.storeVector(*sum++, rows, {item, at(v)});
}

void AttentionRows::clear(Value batch, Value head, Value matrix) {
  k.loop(shape.columns, [&](Value c) {
    for (int64_t v = 0; v < vectors(); ++v)
      k.storeVector(k.floatVector(0, widthAt(v)), matrix,
                    {batch, c, head, at(v)});
  });
}
