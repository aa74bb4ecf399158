//===- RowLoops.cpp - Loops over the elements of a row --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RowLoops.h.
//
//===----------------------------------------------------------------------===//

#include "RowLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna::cpu;

/// Elements of a vector, and vectors that are carried.
static constexpr int64_t width = 16, ways = 2;

int64_t RowLoops::getWorkgroups(int64_t m, int64_t n) {
  // At most, and elements that are worth one.
  constexpr int64_t mostGroups = 16, leastElements = 4096;
  return std::clamp<int64_t>(m * n / leastElements, 1, std::min(m, mostGroups));
}

void RowLoops::forEachRow(int64_t m, Value begin, Value end,
                          llvm::function_ref<void(Value)> body) {
  int64_t groups = getWorkgroups(m, n);
  k.loop(k.share(begin, m, groups), k.share(end, m, groups), 1, body);
}

void RowLoops::forEach(llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = n / width * width;
  k.loop(k.index(0), k.index(whole), width,
         [&](Value column) { body(column, width); });
  if (whole < n)
    body(k.index(whole), n - whole);
}

SmallVector<Value> RowLoops::carry(Value init, Step step) {
  int64_t whole = n / (width * ways) * width * ways;
  SmallVector<Value> carried(ways, init);
  carried = k.loop(k.index(0), k.index(whole), width * ways, carried,
                   [&](Value column, ValueRange old) {
                     SmallVector<Value> next;
                     for (auto [way, vector] : llvm::enumerate(old))
                       next.push_back(
                           step(vector, k.add(column, way * width), width));
                     return next;
                   });
  for (int64_t way = 0; whole + way * width < n; ++way) {
    int64_t column = whole + way * width;
    carried[way] =
        step(carried[way], k.index(column), std::min(width, n - column));
  }
  return carried;
}

Value RowLoops::sum(
    llvm::function_ref<std::pair<Value, Value>(Value, int64_t)> factors) {
  SmallVector<Value> sums = carry(
      k.floatVector(0, width), [&](Value sum, Value column, int64_t count) {
        auto [x, y] = factors(column, count);
        return k.fma(k.pad(x, width), k.pad(y, width), sum);
      });
  Value both = arith::AddFOp::create(k.b, k.loc, sums[0], sums[1]);
  return vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::ADD,
                                     both);
}

Value RowLoops::largestMagnitude(
    llvm::function_ref<Value(Value, int64_t)> elements) {
  Value mask = k.intVector(INT32_MAX, width, 32);
  SmallVector<Value> largest =
      carry(k.intVector(0, width, 32),
            [&](Value old, Value column, int64_t count) -> Value {
              Value x = k.pad(elements(column, count), width);
              Value bits = arith::AndIOp::create(k.b, k.loc,
                                                 k.bitcast(x, width, 32), mask);
              return arith::MaxSIOp::create(k.b, k.loc, old, bits);
            });
  Value both = arith::MaxSIOp::create(k.b, k.loc, largest[0], largest[1]);
  return vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::MAXSI,
                                     both);
}

Value RowLoops::inverseRms(Value squares, double epsilon) {
  Value mean =
      arith::MulFOp::create(k.b, k.loc, squares, constant(1.0 / double(n)));
  Value sum = arith::AddFOp::create(k.b, k.loc, mean, constant(epsilon));
  Value root = math::SqrtOp::create(k.b, k.loc, sum);
  return arith::DivFOp::create(k.b, k.loc, constant(1), root);
}

Value RowLoops::constant(double value) {
  return arith::ConstantOp::create(k.b, k.loc,
                                   k.b.getF32FloatAttr(float(value)));
}
