//===- TritCodes.cpp - Codes in packed bytes ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TritCodes.h.
//
//===----------------------------------------------------------------------===//

#include "TritCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

//===----------------------------------------------------------------------===//
// All columns of a block
//===----------------------------------------------------------------------===//

Value TritCodes::next() {
  return layout.isBase3() ? nextBase3() : nextTwoBits();
}

/// Bytes have no shift of their own; what comes from the neighbour is masked
/// off.
Value TritCodes::nextTwoBits() {
  int64_t count = cast<VectorType>(bytes.getType()).getNumElements();
  Value codes = bytes;
  if (int64_t shift = 2 * digit++) {
    codes = arith::ShRUIOp::create(k.b, k.loc, k.bitcast(bytes, count / 2, 16),
                                   k.intVector(shift, count / 2, 16));
    codes = k.bitcast(codes, count, 8);
  }
  return arith::AndIOp::create(k.b, k.loc, codes, k.intVector(3, count, 8));
}

/// A product of bytes by three is two additions.
Value TritCodes::timesThree(Value states) {
  Value twice = arith::AddIOp::create(k.b, k.loc, states, states);
  return arith::AddIOp::create(k.b, k.loc, twice, states);
}

SmallVector<Value> TritCodes::states(bool ofCodes) {
  int64_t count = cast<VectorType>(bytes.getType()).getNumElements();
  Value state = bytes;
  if (ofCodes)
    state =
        arith::XOrIOp::create(k.b, k.loc, state, k.intVector(-128, count, 8));
  SmallVector<Value> states{state};
  for (int64_t j = 0; j < layout.getTritsPerByte(); ++j)
    states.push_back(timesThree(states.back()));
  return states;
}

/// Two comparisons, each -1 where it holds, and two subtractions.
Value TritCodes::nextBase3() {
  auto type = cast<VectorType>(bytes.getType());
  int64_t count = type.getNumElements();
  if (digit++)
    bytes = timesThree(bytes);
  Value code = k.intVector(0, count, 8);
  for (int64_t bound : {-43, 42}) {
    Value above = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::sgt,
                                        bytes, k.intVector(bound, count, 8));
    Value mask = arith::ExtSIOp::create(k.b, k.loc, type, above);
    code = arith::SubIOp::create(k.b, k.loc, code, mask);
  }
  return code;
}

//===----------------------------------------------------------------------===//
// Eight columns of a row
//===----------------------------------------------------------------------===//

TritColumns::TritColumns(KernelBuilder &k, tern::PanelAttr layout, Value column,
                         int64_t numColumns)
    : k(k), layout(layout) {
  int64_t tritsPerByte = layout.getTritsPerByte();
  int64_t quads =
      llvm::divideCeil(numColumns, layout.getColumns()) * tritsPerByte;
  Value perQuad[2];
  for (int64_t i : {0, 1}) {
    Value quad = k.min(k.add(k.div(column, 4), i), quads - 1);
    Value digit = k.rem(quad, tritsPerByte);
    offsets[i] = k.mul(k.div(quad, tritsPerByte), layout.getBlockBytes());
    if (layout.isBase3()) {
      perQuad[i] = k.index(1);
      for (int64_t j = 1, power = 3; j < tritsPerByte; ++j, power *= 3)
        perQuad[i] =
            k.select(k.equal(digit, k.index(j)), k.index(power), perQuad[i]);
    } else {
      perQuad[i] = k.mul(digit, 2);
    }
    perQuad[i] =
        arith::IndexCastOp::create(k.b, k.loc, k.b.getI32Type(), perQuad[i]);
  }
  digits = quadOf(perQuad[0], perQuad[1]);
  if (!layout.isBase3())
    digits = arith::AddIOp::create(k.b, k.loc, digits, laneShifts());
}

/// The bit at which the byte of each lane begins in its word.
Value TritColumns::laneShifts() {
  return k.intVector({0, 8, 16, 24, 0, 8, 16, 24});
}

/// `low` in lanes 0 to 3, `high` in 4 to 7.
Value TritColumns::quadOf(Value low, Value high) {
  return vector::ShuffleOp::create(k.b, k.loc, k.splat(low), k.splat(high),
                                   ArrayRef<int64_t>{0, 1, 2, 3, 8, 9, 10, 11});
}

Value TritColumns::load(Value weight, Value rowStart) {
  Value words[2];
  for (int64_t i : {0, 1}) {
    Value bytes = k.loadVector(weight, {k.add(rowStart, offsets[i])}, 4);
    words[i] =
        vector::ExtractOp::create(k.b, k.loc, k.bitcast(bytes, 1, 32), 0);
  }
  Value word = quadOf(words[0], words[1]);
  auto shift = [&](Value amount) -> Value {
    return arith::ShRUIOp::create(k.b, k.loc, word, amount);
  };
  auto keep = [&](Value x, int64_t bits) -> Value {
    return arith::AndIOp::create(k.b, k.loc, x, k.intVector(bits, lanes, 32));
  };
  if (!layout.isBase3())
    return keep(shift(digits), 3);
  // Unsigned, a byte's digit is the integer part of 3 / 256 of it.
  Value unbiased = arith::XOrIOp::create(
      k.b, k.loc, keep(shift(laneShifts()), 255), k.intVector(128, lanes, 32));
  Value state = keep(arith::MulIOp::create(k.b, k.loc, unbiased, digits), 255);
  state = arith::MulIOp::create(k.b, k.loc, state, k.intVector(3, lanes, 32));
  return arith::ShRUIOp::create(k.b, k.loc, state, k.intVector(8, lanes, 32));
}
