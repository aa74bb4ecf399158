//===- ByteMatrices.cpp - Products of matrices of bytes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ByteMatrices.h.
//
//===----------------------------------------------------------------------===//

#include "ByteMatrices.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna::cpu;

/// Pairs of rows.
static constexpr int64_t twos = lanes / 2;

SmallVector<Value> ByteMatrices::zeros(int64_t tokens) const {
  return SmallVector<Value>(tokens / 2 * twos, k.intVector(0, 4, 32));
}

/// The operands of the instruction: 8 columns of a row, then of the next.
SmallVector<Value> ByteMatrices::inTwos(Columns rows) const {
  Value low = k.bitcast(rows[0], lanes, 32),
        high = k.bitcast(rows[1], lanes, 32);
  SmallVector<Value> result;
  for (int64_t row = 0; row < lanes; row += 2) {
    Value words = vector::ShuffleOp::create(
        k.b, k.loc, low, high,
        ArrayRef<int64_t>{row, lanes + row, row + 1, lanes + row + 1});
    result.push_back(k.bitcast(words, 16, 8));
  }
  return result;
}

void ByteMatrices::multiplyAdd(MutableArrayRef<Value> sums, Columns rows,
                               Columns tokens) const {
  SmallVector<Value> left = inTwos(rows), right = inTwos(tokens);
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = LLVM::CallIntrinsicOp::create(
              k.b, k.loc, sum.getType(),
              k.b.getStringAttr("llvm.aarch64.neon.smmla"),
              ValueRange{sum, left[i % twos], right[i / twos]})
              .getResult(0);
}

SmallVector<Value> ByteMatrices::perToken(ValueRange sums) const {
  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(k.b, k.loc, x, y, mask);
  };
  SmallVector<Value> tokens;
  for (size_t i = 0; i < sums.size(); i += twos)
    for (int64_t token : {0, 1}) {
      int64_t mask[] = {token, token + 2, token + 4, token + 6};
      tokens.push_back(shuffle(shuffle(sums[i], sums[i + 1], mask),
                               shuffle(sums[i + 2], sums[i + 3], mask),
                               {0, 1, 2, 3, 4, 5, 6, 7}));
    }
  return tokens;
}
