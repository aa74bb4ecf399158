//===- AttentionGrad.cpp - Gradients of attention -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A workgroup owns a key-value head of a batch element: all rows add to the
// gradients of its keys and values, block by block (AttentionRows.h), always in
// the same order. Probabilities are computed anew, so that nothing of the size
// of tokens times columns is kept.
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"
#include "Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

class Emission {
public:
  Emission(KernelBuilder &k, const AttentionShape &shape, ValueRange buffers)
      : k(k), shape(shape), rows(k, shape, buffers),
        query(buffers[shape.query]), key(buffers[shape.key]),
        value(buffers[shape.value]), cotangent(buffers[*shape.cotangent]),
        results(buffers.take_back(3)) {
    blockQuery = rows.wideScratch();
    blockCotangent = rows.wideScratch();
    blockQueryGrad = rows.wideScratch();
    probabilities = rows.columnScratch();
    scoreGrads = rows.columnScratch();
  }

  void emitWorkgroup(Value group) {
    Value batch = k.div(group, shape.heads), head = k.rem(group, shape.heads);
    rows.clear(batch, head, results[1]);
    rows.clear(batch, head, results[2]);
    k.loop(k.index(0), k.index(shape.rows()), shape.blockRows,
           [&](Value first) { emitBlock(rows.block(batch, head, first)); });
  }

private:
  void emitBlock(const RowBlock &block) {
    rows.copyRows(block, query, blockQuery);
    rows.copyRows(block, cotangent, blockCotangent);
    rows.products(block, blockQuery, key, probabilities);
    rows.products(block, blockCotangent, value, scoreGrads);
    k.loop(k.index(0), block.count, 1, [&](Value row) {
      Value inverse = rows.exponentials(block, row, probabilities);
      Value product = emitProbabilities(block, row, inverse);
      emitScoreGrads(block, row, product);
    });
    rows.weightedRows(block, scoreGrads, key, blockQueryGrad);
    rows.addWeightedColumns(block, scoreGrads, blockQuery, results[1]);
    rows.addWeightedColumns(block, probabilities, blockCotangent, results[2]);
    Value one = arith::ConstantOp::create(k.b, k.loc, k.b.getF32FloatAttr(1));
    k.loop(k.index(0), block.count, 1, [&](Value row) {
      rows.storeRow(block, row, blockQueryGrad, one, results[0]);
    });
  }

  /// Normalises a row and returns its product with the gradients of
  /// probabilities.
  Value emitProbabilities(const RowBlock &block, Value row, Value inverse) {
    Value sums = k.loop(
        block.begin, block.bound, shape.vectorLanes,
        k.floatVector(0, shape.vectorLanes), [&](Value c, ValueRange sums) {
          Value p = k.loadVector(probabilities, {row, c}, shape.vectorLanes);
          p = arith::MulFOp::create(k.b, k.loc, p,
                                    k.splat(inverse, shape.vectorLanes));
          k.storeVector(p, probabilities, {row, c});
          Value grad = k.loadVector(scoreGrads, {row, c}, shape.vectorLanes);
          return SmallVector<Value>{k.fma(p, grad, sums[0])};
        })[0];
    return vector::ReductionOp::create(k.b, k.loc, vector::CombiningKind::ADD,
                                       sums);
  }

  /// Turns the gradients of a row's probabilities into those of its scores, the
  /// scale of scores included.
  void emitScoreGrads(const RowBlock &block, Value row, Value product) {
    Value scale = k.floatVector(shape.scale, shape.vectorLanes);
    k.loop(block.begin, block.bound, shape.vectorLanes, [&](Value c) {
      Value p = k.loadVector(probabilities, {row, c}, shape.vectorLanes);
      Value x = k.loadVector(scoreGrads, {row, c}, shape.vectorLanes);
      x = arith::SubFOp::create(k.b, k.loc, x,
                                k.splat(product, shape.vectorLanes));
      x = arith::MulFOp::create(k.b, k.loc, p, x);
      x = arith::MulFOp::create(k.b, k.loc, x, scale);
      k.storeVector(x, scoreGrads, {row, c});
    });
  }

  KernelBuilder &k;
  const AttentionShape &shape;
  AttentionRows rows;
  Value query, key, value, cotangent;
  /// Gradients of query, key and value.
  ValueRange results;
  Value blockQuery, blockCotangent, blockQueryGrad, probabilities, scoreGrads;
};

class AttentionGradPlan : public KernelPlan {
public:
  explicit AttentionGradPlan(const AttentionShape &shape) : shape(shape) {}

  int64_t getWorkgroups() const override { return shape.batch * shape.heads; }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, shape, buffers);
    k.loop(begin, end, 1, [&](Value group) { emission.emitWorkgroup(group); });
  }

private:
  AttentionShape shape;
};

struct AttentionGradEmitter : KernelEmitter {
  StringRef getName() const override { return "attention-grad"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<kernels::Attention> attention =
        kernels::Attention::match(kernel);
    if (!attention || !attention->cotangent)
      return nullptr;
    return std::make_unique<AttentionGradPlan>(
        AttentionShape(*attention, target));
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createAttentionGradEmitter() {
  return std::make_unique<AttentionGradEmitter>();
}
