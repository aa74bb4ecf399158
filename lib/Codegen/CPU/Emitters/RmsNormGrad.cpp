//===- RmsNormGrad.cpp - Gradient of the root mean square norm ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row is read twice: for its sums, then for the result, which comes from the
// first-level cache.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"
#include "Emitters.h"
#include "RowLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "sterna/Codegen/Kernels/Rows.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

class Emission {
public:
  Emission(KernelBuilder &k, const NormGradient &norm, ValueRange buffers)
      : k(k), norm(norm), buffers(buffers), loops(k, norm.n) {}

  void emitRow(Value row) {
    Value squares = loops.sum([&](Value column, int64_t count) {
      Value x = load(norm.input, row, column, count);
      return std::make_pair(x, x);
    });
    Value inverse = loops.inverseRms(squares, norm.epsilon);
    Value dot = loops.sum([&](Value column, int64_t count) {
      Value x = load(norm.input, row, column, count);
      return std::make_pair(x, scaledCotangent(row, column, count));
    });
    // dx = r * (g - x * (r^2 * mean(g * x)))
    Value mean = mul(dot, loops.constant(1.0 / double(norm.n)));
    Value along = mul(mul(inverse, inverse), mean);
    loops.forEach([&](Value column, int64_t count) {
      Value x = load(norm.input, row, column, count);
      Value g = scaledCotangent(row, column, count);
      Value rest =
          arith::SubFOp::create(k.b, k.loc, g, mul(x, k.splat(along, count)));
      emitEpilogue(k, norm.epilogue, buffers,
                   mul(k.splat(inverse, count), rest), row, column);
    });
  }

private:
  Value scaledCotangent(Value row, Value column, int64_t count) {
    Value weight = k.loadVector(buffers[norm.weight], column, count);
    return mul(k.toF32(weight), load(norm.cotangent, row, column, count));
  }

  Value load(unsigned matrix, Value row, Value column, int64_t count) {
    return k.loadVector(buffers[matrix], {row, column}, count);
  }

  Value mul(Value x, Value y) {
    return arith::MulFOp::create(k.b, k.loc, x, y);
  }

  KernelBuilder &k;
  const NormGradient &norm;
  ValueRange buffers;
  RowLoops loops;
};

class NormGradientPlan : public KernelPlan {
public:
  explicit NormGradientPlan(NormGradient norm) : norm(std::move(norm)) {}

  int64_t getWorkgroups() const override {
    return RowLoops::getWorkgroups(norm.m, norm.n);
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, norm, buffers);
    RowLoops(k, norm.n).forEachRow(norm.m, begin, end,
                                   [&](Value row) { emission.emitRow(row); });
  }

private:
  NormGradient norm;
};

struct RmsNormGrad : KernelEmitter {
  StringRef getName() const override { return "rms-norm-grad"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &) const override {
    std::optional<NormGradient> norm = NormGradient::match(kernel);
    if (!norm)
      return nullptr;
    return std::make_unique<NormGradientPlan>(std::move(*norm));
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createRmsNormGradEmitter() {
  return std::make_unique<RmsNormGrad>();
}
