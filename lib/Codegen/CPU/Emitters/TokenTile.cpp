//===- TokenTile.cpp - Activations of a few tokens ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenTile.h. One token is copied as it is. More are transposed, eight
// tokens by eight times four columns at once, and are added up as products with
// codes of 1.
//
//===----------------------------------------------------------------------===//

#include "TokenTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna::cpu;

/// Columns that are added up, and that are copied at once.
static constexpr int64_t blockColumns = 16, stepColumns = 4 * lanes;

TokenTile::TokenTile(KernelBuilder &k, const TargetInfo &target,
                     Value activations, int64_t tokens, int64_t readColumns,
                     int64_t sumColumns)
    : k(k), vectors(k, target), activations(activations),
      room(tokens == 1 ? 1 : llvm::alignTo(tokens, lanes)),
      sumBlocks(sumColumns / blockColumns) {
  auto type = cast<ShapedType>(activations.getType());
  m = type.getDimSize(0);
  columns = type.getDimSize(1);
  isExact = tokens == room && m % tokens == 0;
  copiedColumns = llvm::alignTo(readColumns, stepColumns);
  packed = k.scratch({copiedColumns * room}, k.b.getI8Type());
  sums = k.scratch({sumCount(), room}, k.b.getI32Type());
  if (columns < copiedColumns)
    tails = k.scratch({std::min(room, lanes), stepColumns}, k.b.getI8Type());
}

int64_t TokenTile::blocks() const {
  return llvm::divideCeil(columns, blockColumns);
}

int64_t TokenTile::sumCount() const {
  return llvm::divideCeil(blocks(), sumBlocks);
}

void TokenTile::fill(Value firstToken) {
  int64_t partTokens = std::min(room, lanes);
  k.loop(room / partTokens, [&](Value part) {
    SmallVector<Value> tokens;
    for (int64_t i = 0; i < partTokens; ++i) {
      Value token = k.add(k.add(firstToken, k.mul(part, lanes)), i);
      tokens.push_back(isExact ? token : k.min(token, m - 1));
    }
    int64_t whole = columns / stepColumns * stepColumns;
    k.loop(k.index(0), k.index(whole), stepColumns, [&](Value column) {
      copyColumns(activations, tokens, column, part, k.div(column, 4));
    });
    for (int64_t from = whole; from < copiedColumns; from += stepColumns)
      copyTail(tokens, part, from);
    addUp(part);
  });
}

/// Columns [from, from + 32), of which not all are there.
void TokenTile::copyTail(ArrayRef<Value> tokens, Value part, int64_t from) {
  SmallVector<Value> rows;
  for (auto [i, token] : llvm::enumerate(tokens)) {
    rows.push_back(k.index(i));
    k.storeVector(k.intVector(0, stepColumns, 8), tails,
                  {rows.back(), k.index(0)});
    if (from >= columns)
      continue;
    Value rest =
        k.loadVector(activations, {token, k.index(from)}, columns - from);
    k.storeVector(rest, tails, {rows.back(), k.index(0)});
  }
  copyColumns(tails, rows, k.index(0), part, k.index(from / 4));
}

/// Columns [from, from + 32) of rows of `source`.
void TokenTile::copyColumns(Value source, ArrayRef<Value> rows, Value from,
                            Value part, Value quad) {
  SmallVector<Value> quads;
  for (Value row : rows)
    quads.push_back(
        k.bitcast(k.loadVector(source, {row, from}, stepColumns), lanes, 32));
  if (room > 1)
    quads = k.transpose(quads);
  for (auto [i, vector] : llvm::enumerate(quads))
    k.storeVector(k.bitcast(vector, stepColumns, 8), packed,
                  place(k.add(quad, i), k.mul(part, lanes)));
}

void TokenTile::addUp(Value part) {
  k.loop(sumCount(), [&](Value number) {
    Value begin = k.mul(number, sumBlocks);
    Value end = k.min(k.add(begin, sumBlocks), blocks());
    if (room == 1)
      k.store(sumOfToken(begin, end), sums, {number, k.index(0)});
    else
      k.storeVector(sumsOfEight(part, begin, end), sums,
                    {number, k.mul(part, lanes)});
  });
}

Value TokenTile::sumOfToken(Value begin, Value end) {
  Value zero = k.intVector(0, blockColumns, 32);
  Value sum = k.loop(begin, end, 1, zero, [&](Value block, ValueRange sums) {
    Value q = k.loadVector(packed, k.mul(block, blockColumns), blockColumns);
    q = arith::ExtSIOp::create(k.b, k.loc, zero.getType(), q);
    return SmallVector<Value>{arith::AddIOp::create(k.b, k.loc, sums[0], q)};
  })[0];
  return vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::ADD,
                                     sum);
}

Value TokenTile::sumsOfEight(Value part, Value begin, Value end) {
  Value zero = k.intVector(0, lanes, 32), one = k.intVector(1, stepColumns, 8);
  return k.loop(begin, end, 1, zero, [&](Value block, ValueRange sums) {
    Value sum = vectors.zero();
    for (int64_t i = 0; i < blockColumns / 4; ++i) {
      Value quad = k.add(k.mul(block, blockColumns / 4), i);
      Value bytes =
          k.loadVector(packed, place(quad, k.mul(part, lanes)), stepColumns);
      sum = vectors.multiplyAdd(sum, one, bytes);
    }
    return SmallVector<Value>{
        arith::AddIOp::create(k.b, k.loc, sums[0], vectors.widen(sum))};
  })[0];
}

Value TokenTile::place(Value quad, Value token) {
  return k.mul(k.add(k.mul(quad, room), token), 4);
}

Value TokenTile::four(Value quad, int64_t token, int64_t width) {
  Value bytes = k.loadVector(packed, place(quad, k.index(token)), 4);
  Value word =
      vector::ExtractOp::create(k.b, k.loc, k.bitcast(bytes, 1, 32), 0);
  return k.bitcast(k.splat(word, width), 4 * width, 8);
}

Value TokenTile::eight(Value quad) {
  return k.loadVector(packed, place(quad, k.index(0)), stepColumns);
}

Value TokenTile::sum(Value token, Value number) {
  return k.load(sums, {number, token});
}
