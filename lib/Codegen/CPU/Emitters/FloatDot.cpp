//===- FloatDot.cpp - Product of few rows with long rows ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[M, N] = sum_k A(m, k) * B(n, k) for at most 8 rows of A, as the language
// model's head in decoding has it. What counts is to read B once and in order:
// 8 of its rows at a time are multiplied as they lie in memory, and their sums
// are added across lanes in a fixed order at the end. Several rows of A share
// what is loaded and widened of B; each is summed as if it were alone.
//
//===----------------------------------------------------------------------===//

#include "BlockCodes.h"
#include "EmitEpilogue.h"
#include "Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "sterna/Codegen/Kernels/Products.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

constexpr int64_t mostRows = 8;
/// Rows of A that are multiplied together.
constexpr int64_t mostTogether = 4;
/// Workgroups at most: enough for an even share, few enough to be cheap.
constexpr int64_t mostGroups = 64;
/// Vectors of a row that are multiplied at a time.
constexpr int64_t unroll = 4;
constexpr int64_t cacheLine = 64;

class Emission {
public:
  Emission(KernelBuilder &k, const FloatProduct &product,
           const TargetInfo &target, ValueRange buffers)
      : k(k), product(product), buffers(buffers), left(buffers[product.left]),
        right(buffers[product.right]),
        width(product.k < target.vectorLanes ? lanes : target.vectorLanes),
        together(mostTogether) {
    if (product.blocks)
      prepareBlocks();
    while (product.m % together)
      --together;
    // Half of the registers hold sums.
    atATime = std::clamp<int64_t>(target.registers / 2 / together, 1, lanes);
    while (lanes % atATime)
      --atATime;
  }

  /// Columns [block * 8, block * 8 + 8) of C.
  void emitBlock(Value block) {
    Value column = k.mul(block, lanes);
    SmallVector<Value> sources;
    for (int64_t i = 0; i < lanes; ++i) {
      Value source = k.add(column, i);
      sources.push_back(product.n % lanes ? k.min(source, product.n - 1)
                                          : source);
    }
    if (blocks)
      widenFactors(sources);
    k.loop(product.m / together, [&](Value group) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < together; ++i)
        rows.push_back(k.add(k.mul(group, together), i));
      emitRows(rows, sources, column);
    });
  }

private:
  void emitRows(ArrayRef<Value> rows, ArrayRef<Value> sources, Value column) {
    std::vector<SmallVector<Value>> sums(rows.size());
    for (int64_t first = 0; first < lanes; first += atATime) {
      ArrayRef<Value> part = sources.slice(first, atATime);
      SmallVector<Value> some =
          blocks ? emitBlockSums(rows, part, first) : emitSums(rows, part);
      for (auto [number, sum] : llvm::enumerate(some))
        sums[number % rows.size()].push_back(sum);
    }
    for (auto [row, sum] : llvm::zip_equal(rows, sums))
      emitResult(k.sumEach(sum), row, column);
  }

  /// The sums of each of `sources` with each of `rows`.
  SmallVector<Value> emitSums(ArrayRef<Value> rows, ArrayRef<Value> sources) {
    int64_t whole = product.k / width * width;
    int64_t unrolled = whole / (unroll * width) * unroll * width;
    SmallVector<Value> sums(rows.size() * sources.size(),
                            k.floatVector(0, width));
    sums = k.loop(k.index(0), k.index(unrolled), unroll * width, sums,
                  [&](Value at, ValueRange sums) {
                    SmallVector<Value> next(sums);
                    for (int64_t i = 0; i < unroll; ++i) {
                      Value column = k.add(at, i * width);
                      if (i * width * elementBytes() % cacheLine == 0)
                        prefetchNext(sources, column);
                      next = emitStep(rows, sources, column, next, Value());
                    }
                    return next;
                  });
    for (int64_t at = unrolled; at < whole; at += width)
      sums = emitStep(rows, sources, k.index(at), sums, Value());
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
    return emitStep(rows, sources, k.index(product.k - width), sums, mask);
  }

  void prepareBlocks() {
    blocks.emplace(k, product, buffers);
    int64_t numBlocks = product.k / tern::blockColumns;
    scales = k.scratch({lanes, numBlocks}, k.b.getF32Type());
    if (blocks->minimums)
      minimums = k.scratch({lanes, numBlocks}, k.b.getF32Type());
  }

  /// Makes f32 of the factors of 8 rows, many at a time.
  void widenFactors(ArrayRef<Value> sources) {
    int64_t count = product.k / tern::blockColumns;
    auto widen = [&](Value halves, Value floats) {
      for (auto [i, source] : llvm::enumerate(sources)) {
        auto copy = [&, row = source, number = i](Value at, int64_t width) {
          Value x = k.toF32(k.loadVector(halves, {row, at}, width));
          k.storeVector(x, floats, {k.index(number), at});
        };
        int64_t whole = count / lanes * lanes;
        k.loop(k.index(0), k.index(whole), lanes,
               [&](Value at) { copy(at, lanes); });
        if (count != whole)
          copy(k.index(whole), count - whole);
      }
    };
    widen(blocks->scales, scales);
    if (minimums)
      widen(blocks->minimums, minimums);
  }

  /// The same for B in blocks, of which `sources` are those from the `first` of
  /// 8 rows on: the factors multiply the sum of a block.
  SmallVector<Value> emitBlockSums(ArrayRef<Value> rows,
                                   ArrayRef<Value> sources, int64_t first) {
    SmallVector<Value> sums(rows.size() * sources.size(),
                            k.floatVector(0, width));
    return k.loop(
        k.index(0), k.index(product.k / tern::blockColumns), 1, sums,
        [&](Value block, ValueRange sums) {
          std::vector<SmallVector<Value>> xs;
          SmallVector<Value> xSums, next;
          for (Value row : rows) {
            xs.push_back(loadLeft(row, block));
            xSums.push_back(minimums ? addAll(xs.back()) : Value());
          }
          for (auto [i, source] : llvm::enumerate(sources)) {
            blocks->prefetch(k.add(source, lanes), block);
            auto factor = [&, row = int64_t(first + i)](Value of) {
              return k.splat(k.load(of, {k.index(row), block}), width);
            };
            SmallVector<Value> codes = loadCodes(source, block);
            Value scale = factor(scales);
            Value minimum = minimums ? factor(minimums) : Value();
            for (auto [x, xSum] : llvm::zip_equal(xs, xSums)) {
              Value sum = sums[next.size()];
              if (minimum)
                sum = k.fma(xSum, minimum, sum);
              next.push_back(k.fma(multiplyAll(x, codes), scale, sum));
            }
          }
          return next;
        });
  }

  /// A block's share of a row of A, and of the codes of one of B.
  SmallVector<Value> loadLeft(Value row, Value block) {
    return ofBlock(block, [&](Value column) {
      return k.toF32(k.loadVector(left, {row, column}, width));
    });
  }
  SmallVector<Value> loadCodes(Value row, Value block) {
    return ofBlock(block, [&](Value column) {
      return blocks->loadCodes(row, column, width);
    });
  }
  SmallVector<Value> ofBlock(Value block,
                             llvm::function_ref<Value(Value)> load) {
    Value first = k.mul(block, tern::blockColumns);
    SmallVector<Value> vectors;
    for (int64_t at = 0; at < tern::blockColumns; at += width)
      vectors.push_back(load(k.add(first, at)));
    return vectors;
  }

  Value addAll(ArrayRef<Value> xs) {
    Value sum = xs.front();
    for (Value x : xs.drop_front())
      sum = arith::AddFOp::create(k.b, k.loc, sum, x);
    return sum;
  }
  Value multiplyAll(ArrayRef<Value> xs, ArrayRef<Value> ys) {
    Value sum = arith::MulFOp::create(k.b, k.loc, xs.front(), ys.front());
    for (auto [x, y] : llvm::drop_begin(llvm::zip_equal(xs, ys)))
      sum = k.fma(x, y, sum);
    return sum;
  }

  /// The next 8 rows: each alone is too short for hardware to run ahead.
  void prefetchNext(ArrayRef<Value> sources, Value at) {
    for (Value source : sources)
      k.prefetch(right, {k.add(source, lanes), at});
  }

  int64_t elementBytes() {
    return cast<MemRefType>(right.getType()).getElementTypeBitWidth() / 8;
  }

  SmallVector<Value> emitStep(ArrayRef<Value> rows, ArrayRef<Value> sources,
                              Value at, ValueRange sums, Value mask) {
    auto loadOpen = [&](Value matrix, Value index) {
      Value x = k.toF32(k.loadVector(matrix, {index, at}, width));
      return mask ? k.select(mask, x, k.floatVector(0, width)) : x;
    };
    SmallVector<Value> xs, next;
    for (Value row : rows)
      xs.push_back(loadOpen(left, row));
    for (Value source : sources) {
      Value y = loadOpen(right, source);
      for (Value x : xs)
        next.push_back(k.fma(x, y, sums[next.size()]));
    }
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
  /// Of B in blocks: f32 [8, K / 32].
  Value scales, minimums;
  std::optional<BlockCodes> blocks;
  /// Lanes of the registers in use: 8 or 16.
  int64_t width;
  /// Rows of A, and of B, that are multiplied together.
  int64_t together, atATime;
};

class DotPlan : public KernelPlan {
public:
  DotPlan(FloatProduct product, const TargetInfo &target)
      : product(std::move(product)), target(target) {}

  int64_t getWorkgroups() const override {
    return std::min(blocks(), mostGroups);
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, product, target, buffers);
    k.loop(k.share(begin, blocks(), getWorkgroups()),
           k.share(end, blocks(), getWorkgroups()), 1,
           [&](Value block) { emission.emitBlock(block); });
  }

private:
  int64_t blocks() const { return llvm::divideCeil(product.n, lanes); }

  FloatProduct product;
  TargetInfo target;
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
    return std::make_unique<DotPlan>(std::move(*product), target);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createFloatDotEmitter() {
  return std::make_unique<FloatDot>();
}
