//===- FloatDot.cpp - Product of few rows with long rows ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[M, N] = sum_k A(m, k) * B(n, k) for at most 4 rows of A, as the language
// model's head in decoding has it. What counts is to read B once and in order:
// 8 of its rows at a time are multiplied as they lie in memory, and their sums
// are added across lanes in a fixed order at the end.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"
#include "Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "sterna/Codegen/Kernels/Products.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

constexpr int64_t mostRows = 4;
/// Workgroups at most: enough for an even share, few enough to be cheap.
constexpr int64_t mostGroups = 64;
/// Vectors of a row that are multiplied at a time.
constexpr int64_t unroll = 4;
constexpr int64_t cacheLine = 64;

class Emission {
public:
  Emission(KernelBuilder &k, const FloatProduct &product, int64_t vectorLanes,
           ValueRange buffers)
      : k(k), product(product), buffers(buffers), left(buffers[product.left]),
        right(buffers[product.right]),
        width(product.k < vectorLanes ? lanes : vectorLanes) {}

  /// Columns [block * 8, block * 8 + 8) of C.
  void emitBlock(Value block) {
    Value column = k.mul(block, lanes);
    SmallVector<Value> sources;
    for (int64_t i = 0; i < lanes; ++i) {
      Value source = k.add(column, i);
      sources.push_back(product.n % lanes ? k.min(source, product.n - 1)
                                          : source);
    }
    k.loop(product.m, [&](Value row) {
      emitResult(k.sumEach(emitSums(row, sources)), row, column);
    });
  }

private:
  SmallVector<Value> emitSums(Value row, ArrayRef<Value> sources) {
    int64_t whole = product.k / width * width;
    int64_t unrolled = whole / (unroll * width) * unroll * width;
    SmallVector<Value> sums(lanes, k.floatVector(0, width));
    sums = k.loop(k.index(0), k.index(unrolled), unroll * width, sums,
                  [&](Value at, ValueRange sums) {
                    SmallVector<Value> next(sums);
                    for (int64_t i = 0; i < unroll; ++i) {
                      Value column = k.add(at, i * width);
                      if (i * width * elementBytes() % cacheLine == 0)
                        prefetchNext(sources, column);
                      next = emitStep(row, sources, column, next, Value());
                    }
                    return next;
                  });
    for (int64_t at = unrolled; at < whole; at += width)
      sums = emitStep(row, sources, k.index(at), sums, Value());
    if (whole == product.k)
      return sums;
    // The last elements once more, those that were counted left out.
    int64_t counted = width - product.k % width;
    SmallVector<bool> open;
    for (int64_t lane = 0; lane < width; ++lane)
      open.push_back(lane >= counted);
    Value mask = arith::ConstantOp::create(
        k.b, k.loc,
        DenseElementsAttr::get(VectorType::get(width, k.b.getI1Type()), open));
    return emitStep(row, sources, k.index(product.k - width), sums, mask);
  }

  /// The next 8 rows: each alone is too short for hardware to run ahead.
  void prefetchNext(ArrayRef<Value> sources, Value at) {
    for (Value source : sources)
      k.prefetch(right, {k.add(source, lanes), at});
  }

  int64_t elementBytes() {
    return cast<MemRefType>(right.getType()).getElementTypeBitWidth() / 8;
  }

  SmallVector<Value> emitStep(Value row, ArrayRef<Value> sources, Value at,
                              ValueRange sums, Value mask) {
    auto loadOpen = [&](Value matrix, Value index) {
      Value x = k.toF32(k.loadVector(matrix, {index, at}, width));
      return mask ? k.select(mask, x, k.floatVector(0, width)) : x;
    };
    Value x = loadOpen(left, row);
    SmallVector<Value> next;
    for (auto [source, sum] : llvm::zip_equal(sources, sums))
      next.push_back(k.fma(x, loadOpen(right, source), sum));
    return next;
  }

  void emitResult(Value sums, Value row, Value column) {
    int64_t rest = product.n % lanes;
    auto store = [&](int64_t width) {
      emitEpilogue(k, product.epilogue, buffers, k.resize(sums, width), row,
                   column);
    };
    if (!rest)
      store(lanes);
    else
      k.branch(
          k.equal(column, k.index(product.n - rest)), [&] { store(rest); },
          [&] { store(lanes); });
  }

  KernelBuilder &k;
  const FloatProduct &product;
  ValueRange buffers;
  Value left, right;
  /// Lanes of the registers in use: 8 or 16.
  int64_t width;
};

class DotPlan : public KernelPlan {
public:
  DotPlan(FloatProduct product, int64_t vectorLanes)
      : product(std::move(product)), vectorLanes(vectorLanes) {}

  int64_t getWorkgroups() const override {
    return std::min(blocks(), mostGroups);
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, product, vectorLanes, buffers);
    k.loop(k.share(begin, blocks(), getWorkgroups()),
           k.share(end, blocks(), getWorkgroups()), 1,
           [&](Value block) { emission.emitBlock(block); });
  }

private:
  int64_t blocks() const { return llvm::divideCeil(product.n, lanes); }

  FloatProduct product;
  int64_t vectorLanes;
};

struct FloatDot : KernelEmitter {
  StringRef getName() const override { return "float-dot"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<FloatProduct> product = FloatProduct::match(kernel);
    if (!product || product->m > mostRows || product->k < lanes ||
        product->rightForm != RightForm::columns || product->leftTransposed ||
        product->accumulated)
      return nullptr;
    return std::make_unique<DotPlan>(std::move(*product), target.vectorLanes);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createFloatDotEmitter() {
  return std::make_unique<FloatDot>();
}
