//===- Attention.cpp - Causal grouped-query attention ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores, softmax and weighted values of a block of rows (AttentionRows.h), on
// the columns that it sees and no others: the cost follows the position, not
// the size of the cache. Workgroups are numbered head by head, so that an even
// split of them gives threads the same share of short and long rows.
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"
#include "Emitters.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

class AttentionPlan : public KernelPlan {
public:
  explicit AttentionPlan(const AttentionShape &shape) : shape(shape) {}

  int64_t getWorkgroups() const override {
    return shape.batch * shape.heads * shape.rowBlocks();
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    AttentionRows rows(k, shape, buffers);
    Value query = rows.wideScratch(), sums = rows.wideScratch();
    Value scores = rows.columnScratch();
    k.loop(begin, end, 1, [&](Value group) {
      Value number = k.div(group, shape.rowBlocks());
      Value first = k.mul(k.rem(group, shape.rowBlocks()), shape.blockRows);
      RowBlock block = rows.block(k.div(number, shape.heads),
                                  k.rem(number, shape.heads), first);
      rows.copyRows(block, buffers[shape.query], query);
      rows.products(block, query, buffers[shape.key], scores);
      // The factors of rows wait in scratch that is free until then.
      k.loop(k.index(0), block.count, 1, [&](Value row) {
        k.store(rows.exponentials(block, row, scores), query,
                {row, k.index(0)});
      });
      rows.weightedRows(block, scores, buffers[shape.value], sums);
      k.loop(k.index(0), block.count, 1, [&](Value row) {
        rows.storeRow(block, row, sums, k.load(query, {row, k.index(0)}),
                      buffers.back());
      });
    });
  }

private:
  AttentionShape shape;
};

struct AttentionEmitter : KernelEmitter {
  StringRef getName() const override { return "attention"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<kernels::Attention> attention =
        kernels::Attention::match(kernel);
    if (!attention || attention->cotangent)
      return nullptr;
    return std::make_unique<AttentionPlan>(AttentionShape(*attention, target));
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createAttentionEmitter() {
  return std::make_unique<AttentionEmitter>();
}
