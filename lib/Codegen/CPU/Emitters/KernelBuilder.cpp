//===- KernelBuilder.cpp - Short forms for building kernels ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See KernelBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace sterna::cpu;

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value KernelBuilder::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}

Value KernelBuilder::sub(Value x, Value y) {
  return b.createOrFold<arith::SubIOp>(loc, x, y);
}

Value KernelBuilder::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value KernelBuilder::div(Value x, int64_t y) {
  return b.createOrFold<arith::DivUIOp>(loc, x, index(y));
}

Value KernelBuilder::rem(Value x, int64_t y) {
  return b.createOrFold<arith::RemUIOp>(loc, x, index(y));
}

Value KernelBuilder::min(Value x, Value y) {
  return b.createOrFold<arith::MinUIOp>(loc, x, y);
}

Value KernelBuilder::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, x, y);
}

Value KernelBuilder::select(Value condition, Value x, Value y) {
  return b.createOrFold<arith::SelectOp>(loc, condition, x, y);
}

Value KernelBuilder::share(Value group, int64_t items, int64_t groups) {
  return items == groups ? group : div(mul(group, items), groups);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step,
                         llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelBuilder::loop(int64_t end, llvm::function_ref<void(Value)> body) {
  if (end == 1)
    return body(index(0));
  loop(index(0), index(end), 1, body);
}

SmallVector<Value> KernelBuilder::loop(
    Value begin, Value end, int64_t step, ValueRange init,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void KernelBuilder::branch(Value condition, llvm::function_ref<void()> then,
                           llvm::function_ref<void()> otherwise) {
  auto branch =
      scf::IfOp::create(b, loc, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

//===----------------------------------------------------------------------===//
// Memory and vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type element) {
  return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element),
                                  b.getI64IntegerAttr(64));
}

Value KernelBuilder::load(Value memref, ValueRange indices) {
  return memref::LoadOp::create(b, loc, memref, indices);
}

void KernelBuilder::store(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(b, loc, value, memref, indices);
}

/// `indices` and those of the `width` - 1 neighbours behind.
static SmallVector<SmallVector<Value>>
neighbours(KernelBuilder &k, ValueRange indices, int64_t width) {
  SmallVector<SmallVector<Value>> places;
  for (int64_t lane = 0; lane < width; ++lane) {
    places.emplace_back(indices);
    places.back().back() =
        arith::AddIOp::create(k.b, k.loc, indices.back(),
                              arith::ConstantIndexOp::create(k.b, k.loc, lane));
  }
  return places;
}

Value KernelBuilder::loadVector(Value memref, ValueRange indices,
                                int64_t width) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  // A boolean takes a byte in memory, and a bit in a vector there.
  if (element.isInteger(1)) {
    SmallVector<Value> bits;
    for (ArrayRef<Value> place : neighbours(*this, indices, width))
      bits.push_back(load(memref, place));
    return vector::FromElementsOp::create(
        b, loc, VectorType::get(width, element), bits);
  }
  return vector::LoadOp::create(b, loc, VectorType::get(width, element), memref,
                                indices);
}

void KernelBuilder::storeVector(Value vector, Value memref,
                                ValueRange indices) {
  auto type = cast<VectorType>(vector.getType());
  if (!type.getElementType().isInteger(1)) {
    vector::StoreOp::create(b, loc, vector, memref, indices);
    return;
  }
  for (auto [lane, place] :
       llvm::enumerate(neighbours(*this, indices, type.getNumElements())))
    store(vector::ExtractOp::create(b, loc, vector, int64_t(lane)), memref,
          place);
}

void KernelBuilder::prefetch(Value memref, ValueRange indices) {
  memref::PrefetchOp::create(b, loc, memref, indices, /*isWrite=*/false,
                             /*localityHint=*/3, /*isDataCache=*/true);
}

Value KernelBuilder::splat(Value scalar, int64_t width) {
  return vector::BroadcastOp::create(
      b, loc, VectorType::get(width, scalar.getType()), scalar);
}

Value KernelBuilder::floatVector(double value, int64_t width) {
  auto type = VectorType::get(width, b.getF32Type());
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(type, APFloat(float(value))));
}

Value KernelBuilder::intVector(int64_t value, int64_t width, unsigned bits) {
  auto type = VectorType::get(width, b.getIntegerType(bits));
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(type, APInt(bits, uint64_t(value), true)));
}

Value KernelBuilder::intVector(ArrayRef<int32_t> values) {
  auto type = VectorType::get(int64_t(values.size()), b.getI32Type());
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(type, values));
}

Value KernelBuilder::bitcast(Value vector, int64_t width, unsigned bits) {
  auto type = VectorType::get(width, b.getIntegerType(bits));
  return vector::BitCastOp::create(b, loc, type, vector);
}

Value KernelBuilder::toF32(Value value) {
  if (getElementTypeOrSelf(value.getType()).isF32())
    return value;
  Type type = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  if (getElementTypeOrSelf(value.getType()).isInteger(8))
    return arith::SIToFPOp::create(b, loc, type, value);
  return arith::ExtFOp::create(b, loc, type, value);
}

Value KernelBuilder::resize(Value vector, int64_t width, Value filler) {
  int64_t have = cast<VectorType>(vector.getType()).getNumElements();
  if (have == width)
    return vector;
  // Lane `have` is the filler's first.
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < width; ++lane)
    mask.push_back(std::min(lane, have));
  return vector::ShuffleOp::create(b, loc, vector, filler ? filler : vector,
                                   mask);
}

Value KernelBuilder::pad(Value vector, int64_t width) {
  int64_t have = cast<VectorType>(vector.getType()).getNumElements();
  return resize(vector, width, floatVector(0, have));
}

Value KernelBuilder::fma(Value x, Value y, Value z) {
  return vector::FMAOp::create(b, loc, x, y, z);
}

Value KernelBuilder::half(Value vector, int64_t number) {
  int64_t width = cast<VectorType>(vector.getType()).getNumElements() / 2;
  return vector::ExtractStridedSliceOp::create(
      b, loc, vector, ArrayRef<int64_t>{number * width},
      ArrayRef<int64_t>{width}, ArrayRef<int64_t>{1});
}

SmallVector<Value> KernelBuilder::transpose(ArrayRef<Value> rows) {
  // Within each half of four lanes, then across the halves: every step is one
  // instruction of AVX.
  static constexpr int64_t low[] = {0, 8, 1, 9, 4, 12, 5, 13};
  static constexpr int64_t high[] = {2, 10, 3, 11, 6, 14, 7, 15};
  static constexpr int64_t pairLow[] = {0, 1, 8, 9, 4, 5, 12, 13};
  static constexpr int64_t pairHigh[] = {2, 3, 10, 11, 6, 7, 14, 15};
  static constexpr int64_t halfLow[] = {0, 1, 2, 3, 8, 9, 10, 11};
  static constexpr int64_t halfHigh[] = {4, 5, 6, 7, 12, 13, 14, 15};
  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(b, loc, x, y, mask);
  };
  SmallVector<Value> pairs, quads(lanes), columns(lanes);
  for (int i = 0; i < lanes; i += 2) {
    pairs.push_back(shuffle(rows[i], rows[i + 1], low));
    pairs.push_back(shuffle(rows[i], rows[i + 1], high));
  }
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 2; ++i) {
      Value x = pairs[4 * half + i], y = pairs[4 * half + i + 2];
      quads[4 * half + 2 * i] = shuffle(x, y, pairLow);
      quads[4 * half + 2 * i + 1] = shuffle(x, y, pairHigh);
    }
  for (int i = 0; i < 4; ++i) {
    columns[i] = shuffle(quads[i], quads[4 + i], halfLow);
    columns[4 + i] = shuffle(quads[i], quads[4 + i], halfHigh);
  }
  return columns;
}

Value KernelBuilder::sumEach(ArrayRef<Value> vectors) {
  SmallVector<Value> terms(vectors);
  if (cast<VectorType>(terms[0].getType()).getNumElements() > lanes)
    for (Value &term : terms)
      term = arith::AddFOp::create(b, loc, half(term, 0), half(term, 1));
  // Lanes 4, then 2, then 1 apart: where both are of two vectors, one shuffle
  // and a blend bring them together.
  auto fold = [&](Value x, Value y, ArrayRef<int64_t> straight,
                  ArrayRef<int64_t> crossed) -> Value {
    return arith::AddFOp::create(
        b, loc, vector::ShuffleOp::create(b, loc, x, y, straight),
        vector::ShuffleOp::create(b, loc, x, y, crossed));
  };
  for (int i = 0; i < 4; ++i)
    terms[i] = fold(terms[i], terms[i + 4], {0, 1, 2, 3, 12, 13, 14, 15},
                    {4, 5, 6, 7, 8, 9, 10, 11});
  for (int i : {0, 2})
    terms[i] = fold(terms[i], terms[i + 1], {0, 1, 10, 11, 4, 5, 14, 15},
                    {2, 3, 8, 9, 6, 7, 12, 13});
  return fold(terms[0], terms[2], {0, 2, 8, 10, 4, 6, 12, 14},
              {1, 3, 9, 11, 5, 7, 13, 15});
}
