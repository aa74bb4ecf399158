//===- ByteVectors.cpp - Products of vectors of bytes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ByteVectors.h.
//
//===----------------------------------------------------------------------===//

#include "ByteVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna::cpu;

Value ByteVectors::call(StringRef intrinsic, VectorType type,
                        ValueRange operands) const {
  return LLVM::CallIntrinsicOp::create(k.b, k.loc, type,
                                       k.b.getStringAttr(intrinsic), operands)
      .getResult(0);
}

Value ByteVectors::halves(StringRef intrinsic, VectorType type,
                          ValueRange operands) const {
  auto part = VectorType::get(type.getNumElements() / 2, type.getElementType());
  SmallVector<Value> results;
  for (int64_t half : {0, 1}) {
    SmallVector<Value> parts;
    for (Value operand : operands)
      parts.push_back(k.half(operand, half));
    results.push_back(call(intrinsic, part, parts));
  }
  return vector::ShuffleOp::create(
      k.b, k.loc, results[0], results[1],
      llvm::to_vector(llvm::seq<int64_t>(0, type.getNumElements())));
}

Value ByteVectors::everySecond(Value vector, int64_t first) const {
  int64_t width = cast<VectorType>(vector.getType()).getNumElements() / 2;
  auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(0, width),
                                   [&](int64_t i) { return 2 * i + first; });
  return vector::ShuffleOp::create(k.b, k.loc, vector, vector, lanes);
}

Value ByteVectors::pairs(Value codes, Value bytes) const {
  auto type = VectorType::get(16, k.b.getI16Type());
  if (product == ByteProduct::avx2)
    return call("llvm.x86.avx2.pmadd.ub.sw", type, {codes, bytes});
  if (product == ByteProduct::ssse3)
    return halves("llvm.x86.ssse3.pmadd.ub.sw.128", type, {codes, bytes});
  // A product fits 9 bits: the sum of two does not overflow 16.
  auto wide = VectorType::get(32, k.b.getI16Type());
  Value products = arith::MulIOp::create(
      k.b, k.loc, arith::ExtSIOp::create(k.b, k.loc, wide, codes),
      arith::ExtSIOp::create(k.b, k.loc, wide, bytes));
  return arith::AddIOp::create(k.b, k.loc, everySecond(products, 0),
                               everySecond(products, 1));
}

Value ByteVectors::multiplyAdd(Value sums, Value codes, Value bytes) const {
  auto type = cast<VectorType>(sums.getType());
  switch (product) {
  case ByteProduct::avxVnni:
    return call(vectorLanes == lanes ? "llvm.x86.avx512.vpdpbusd.256"
                                     : "llvm.x86.avx512.vpdpbusd.512",
                type, {sums, codes, bytes});
  case ByteProduct::neonDotprod:
  case ByteProduct::neonI8mm:
    return halves("llvm.aarch64.neon.sdot", type, {sums, codes, bytes});
  default:
    return arith::AddIOp::create(k.b, k.loc, sums, pairs(codes, bytes));
  }
}

Value ByteVectors::multiplyAddWords(Value sums, Value trits,
                                    Value words) const {
  auto type = cast<VectorType>(sums.getType());
  auto add = [&](Value products) -> Value {
    return arith::AddIOp::create(k.b, k.loc, sums, products);
  };
  switch (product) {
  case ByteProduct::avxVnni:
    return call(vectorLanes == lanes ? "llvm.x86.avx512.vpdpwssd.256"
                                     : "llvm.x86.avx512.vpdpwssd.512",
                type, {sums, trits, words});
  case ByteProduct::avx2:
    return add(call("llvm.x86.avx2.pmadd.wd", type, {trits, words}));
  case ByteProduct::ssse3:
    return add(halves("llvm.x86.sse2.pmadd.wd", type, {trits, words}));
  case ByteProduct::neon:
  case ByteProduct::neonDotprod:
  case ByteProduct::neonI8mm:
    return add(arith::MulIOp::create(
        k.b, k.loc, arith::ExtSIOp::create(k.b, k.loc, type, trits),
        arith::ExtSIOp::create(k.b, k.loc, type, words)));
  }
  llvm_unreachable("unknown product of bytes");
}

Value ByteVectors::widen(Value sums) const {
  auto type = VectorType::get(8, k.b.getI32Type());
  switch (product) {
  case ByteProduct::avxVnni:
  case ByteProduct::neonDotprod:
  case ByteProduct::neonI8mm:
    return sums;
  case ByteProduct::avx2:
    return call("llvm.x86.avx2.pmadd.wd", type, {sums, k.intVector(1, 16, 16)});
  case ByteProduct::ssse3:
    return halves("llvm.x86.sse2.pmadd.wd", type,
                  {sums, k.intVector(1, 16, 16)});
  case ByteProduct::neon:
    return arith::AddIOp::create(
        k.b, k.loc,
        arith::ExtSIOp::create(k.b, k.loc, type, everySecond(sums, 0)),
        arith::ExtSIOp::create(k.b, k.loc, type, everySecond(sums, 1)));
  }
  llvm_unreachable("unknown product of bytes");
}
