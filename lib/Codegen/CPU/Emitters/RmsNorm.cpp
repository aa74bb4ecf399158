//===- RmsNorm.cpp - Root mean square norm and its gradient ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row is read twice: for its sums, then for the result, which comes from the
// first-level cache. Sums run in 32 lanes, each over every 32nd element, which
// are added in order at the end: the same order on every level, whatever its
// vectors.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"
#include "Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "sterna/Codegen/Kernels/Norm.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

/// Elements of a vector, and vectors that sums alternate between.
constexpr int64_t width = 16;
constexpr int64_t ways = 2;
/// Workgroups at most, and elements that are worth one.
constexpr int64_t mostGroups = 16;
constexpr int64_t leastElements = 4096;

class Emission {
public:
  Emission(KernelBuilder &k, const Norm &norm, ValueRange buffers)
      : k(k), norm(norm), buffers(buffers) {}

  void emitRow(Value row) {
    Value squares = emitSum(row, [&](Value x, Value, int64_t) { return x; });
    Value inverse = inverseRms(squares);
    if (!norm.cotangent)
      return forEachVector([&](Value column, int64_t count) {
        Value x = load(norm.input, row, column, count);
        Value y = mul(mul(x, k.splat(inverse, count)), weight(column, count));
        emitEpilogue(k, norm.epilogue, buffers, y, row, column);
      });
    Value dot = emitSum(row, [&](Value, Value column, int64_t count) {
      return scaledCotangent(row, column, count);
    });
    // dx = r * (g - x * (r^2 * mean(g * x)))
    Value mean = mul(dot, constant(1.0 / double(norm.n)));
    Value along = mul(mul(inverse, inverse), mean);
    forEachVector([&](Value column, int64_t count) {
      Value x = load(norm.input, row, column, count);
      Value g = scaledCotangent(row, column, count);
      Value rest =
          arith::SubFOp::create(k.b, k.loc, g, mul(x, k.splat(along, count)));
      emitEpilogue(k, norm.epilogue, buffers,
                   mul(k.splat(inverse, count), rest), row, column);
    });
  }

private:
  /// What a row's elements are multiplied with, from the elements, their column
  /// and their count.
  using Factor = llvm::function_ref<Value(Value, Value, int64_t)>;

  /// The sum of a row's elements times their factors.
  Value emitSum(Value row, Factor factor) {
    int64_t step = width * ways, whole = norm.n / step * step;
    auto add = [&](Value sum, Value column, int64_t count) {
      Value x = load(norm.input, row, column, count);
      return k.fma(k.pad(x, width), k.pad(factor(x, column, count), width),
                   sum);
    };
    SmallVector<Value> sums(ways, k.floatVector(0, width));
    sums =
        k.loop(k.index(0), k.index(whole), step, sums,
               [&](Value column, ValueRange sums) {
                 SmallVector<Value> next;
                 for (auto [way, sum] : llvm::enumerate(sums))
                   next.push_back(add(sum, k.add(column, way * width), width));
                 return next;
               });
    for (int64_t way = 0; whole + way * width < norm.n; ++way) {
      int64_t column = whole + way * width;
      sums[way] =
          add(sums[way], k.index(column), std::min(width, norm.n - column));
    }
    Value sum = arith::AddFOp::create(k.b, k.loc, sums[0], sums[1]);
    return vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::ADD,
                                       sum);
  }

  void forEachVector(llvm::function_ref<void(Value, int64_t)> body) {
    int64_t whole = norm.n / width * width;
    k.loop(k.index(0), k.index(whole), width,
           [&](Value column) { body(column, width); });
    if (whole < norm.n)
      body(k.index(whole), norm.n - whole);
  }

  /// 1 / sqrt(mean + epsilon).
  Value inverseRms(Value squares) {
    Value mean = mul(squares, constant(1.0 / double(norm.n)));
    Value sum = arith::AddFOp::create(k.b, k.loc, mean, constant(norm.epsilon));
    Value root = math::SqrtOp::create(k.b, k.loc, sum);
    return arith::DivFOp::create(k.b, k.loc, constant(1), root);
  }

  Value scaledCotangent(Value row, Value column, int64_t count) {
    return mul(weight(column, count),
               load(*norm.cotangent, row, column, count));
  }

  Value load(unsigned matrix, Value row, Value column, int64_t count) {
    return k.loadVector(buffers[matrix], {row, column}, count);
  }

  Value weight(Value column, int64_t count) {
    return k.toF32(k.loadVector(buffers[norm.weight], column, count));
  }

  Value mul(Value x, Value y) {
    return arith::MulFOp::create(k.b, k.loc, x, y);
  }

  Value constant(double value) {
    return arith::ConstantOp::create(k.b, k.loc,
                                     k.b.getF32FloatAttr(float(value)));
  }

  KernelBuilder &k;
  const Norm &norm;
  ValueRange buffers;
};

class NormPlan : public KernelPlan {
public:
  explicit NormPlan(Norm norm) : norm(std::move(norm)) {}

  int64_t getWorkgroups() const override {
    return std::clamp<int64_t>(norm.m * norm.n / leastElements, 1,
                               std::min(norm.m, mostGroups));
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, norm, buffers);
    k.loop(k.share(begin, norm.m, getWorkgroups()),
           k.share(end, norm.m, getWorkgroups()), 1,
           [&](Value row) { emission.emitRow(row); });
  }

private:
  Norm norm;
};

struct RmsNorm : KernelEmitter {
  StringRef getName() const override { return "rms-norm"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &) const override {
    std::optional<Norm> norm = Norm::match(kernel);
    if (!norm)
      return nullptr;
    return std::make_unique<NormPlan>(std::move(*norm));
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createRmsNormEmitter() {
  return std::make_unique<RmsNorm>();
}
