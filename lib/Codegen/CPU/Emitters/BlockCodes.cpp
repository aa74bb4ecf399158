//===- BlockCodes.cpp - Elements of matrices in blocks --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BlockCodes.h.
//
//===----------------------------------------------------------------------===//

#include "BlockCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

BlockCodes::BlockCodes(KernelBuilder &k, const FloatProduct &product,
                       ValueRange buffers)
    : scales(buffers[product.blocks->scale]),
      minimums(product.blocks->minimum ? buffers[*product.blocks->minimum]
                                       : Value()),
      k(k), codes(buffers[product.right]),
      blockBytes(tern::getBlockBytes(minimums ? 4 : 6)) {}

Value BlockCodes::extractBits(Value bytes, Value numbers, int64_t bits) {
  int64_t width = cast<VectorType>(bytes.getType()).getNumElements();
  bytes = arith::ExtUIOp::create(
      k.b, k.loc, VectorType::get(width, k.b.getI32Type()), bytes);
  Value shifts =
      arith::MulIOp::create(k.b, k.loc, numbers, k.intVector(bits, width, 32));
  bytes = arith::ShRUIOp::create(k.b, k.loc, bytes, shifts);
  return arith::AndIOp::create(k.b, k.loc, bytes,
                               k.intVector((1 << bits) - 1, width, 32));
}

Value BlockCodes::loadCodes(Value row, Value column, int64_t width) {
  Value block = k.mul(k.div(column, tern::blockColumns), blockBytes);
  Value place = k.rem(column, tern::blockColumns);
  auto number = [&](int64_t perByte) {
    Value index = k.div(place, perByte);
    return k.splat(
        arith::IndexCastOp::create(k.b, k.loc, k.b.getI32Type(), index), width);
  };
  Value low = k.loadVector(codes, {row, k.add(block, k.rem(place, 16))}, width);
  Value code = extractBits(low, number(16), /*bits=*/4);
  if (!minimums) {
    // 16 columns need two of the integers of each of 8 bytes.
    Value high = k.loadVector(codes, {row, k.add(block, 16)});
    SmallVector<int64_t> twice;
    SmallVector<int32_t> next;
    for (int64_t lane = 0; lane < width; ++lane) {
      twice.push_back(lane % lanes);
      next.push_back(lane / lanes);
    }
    high = vector::ShuffleOp::create(k.b, k.loc, high, high, twice);
    Value numbers =
        arith::AddIOp::create(k.b, k.loc, number(8), k.intVector(next));
    high = arith::ShLIOp::create(k.b, k.loc,
                                 extractBits(high, numbers, /*bits=*/2),
                                 k.intVector(4, width, 32));
    code = arith::OrIOp::create(k.b, k.loc, code, high);
    code = arith::SubIOp::create(k.b, k.loc, code, k.intVector(32, width, 32));
  }
  return arith::SIToFPOp::create(
      k.b, k.loc, VectorType::get(width, k.b.getF32Type()), code);
}

Value BlockCodes::loadElements(Value row, Value column) {
  Value block = k.div(column, tern::blockColumns);
  auto factor = [&](Value of) {
    return k.splat(k.toF32(k.load(of, {row, block})));
  };
  return k.fma(loadCodes(row, column), factor(scales),
               minimums ? factor(minimums) : k.floatVector(0));
}

void BlockCodes::prefetch(Value row, Value block) {
  k.prefetch(codes, {row, k.mul(block, blockBytes)});
}
