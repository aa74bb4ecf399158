//===- ChunkLossHead.cpp - Loss and its gradient in chunks ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-chunk-loss-head. It works on whole heads, found from
// the product that makes the logits, because the forward statistics serve the
// backward chunks too.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <limits>

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_CHUNKLOSSHEADPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;
using sterna::typeOf;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool isSplatOf(Value value, double expected) {
  DenseFPElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) && elements.isSplat() &&
         elements.getSplatValue<APFloat>().convertToDouble() == expected;
}

/// The ops of one head; those of the backward pass are null where there is
/// none.
struct LossHead {
  linalg::MatmulOp logits;
  CrossEntropyOp loss;
  SoftmaxStatisticsOp statistics;
  CrossEntropyGradOp gradient;
  linalg::MatmulOp inputGradient;

  Value input() { return logits.getInputs()[0]; }
  Value weight() { return logits.getInputs()[1]; }
  Value labels() { return loss.getLabels(); }
};

/// Whether `op` starts the statistics of whole rows.
bool startsStatistics(SoftmaxStatisticsOp op) {
  return op.getOffset() == 0 && isSplatOf(op.getMaximum(), -infinity) &&
         isSplatOf(op.getSum(), 0) && isSplatOf(op.getTarget(), 0);
}

/// Finds the single use of the logits' gradient: the product with the head.
bool matchInputGradient(LossHead &head) {
  if (!head.gradient->hasOneUse())
    return false;
  auto product = dyn_cast<linalg::MatmulOp>(*head.gradient->user_begin());
  if (!product || product.hasUserDefinedMaps() ||
      product.getInputs()[0] != head.gradient.getResult() ||
      product.getInputs()[1] != head.weight())
    return false;
  head.inputGradient = product;
  return true;
}

/// Sets the member of `head` for one use of the logits; false where the use is
/// not part of a loss head.
bool addUser(LossHead &head, Operation *user) {
  if (user->getBlock() != head.logits->getBlock())
    return false;
  if (auto op = dyn_cast<CrossEntropyOp>(user); op && !head.loss)
    head.loss = op;
  else if (auto op = dyn_cast<SoftmaxStatisticsOp>(user);
           op && !head.statistics && startsStatistics(op))
    head.statistics = op;
  else if (auto op = dyn_cast<CrossEntropyGradOp>(user);
           op && !head.gradient && op.getOffset() == 0)
    head.gradient = op;
  else
    return false;
  return true;
}

std::optional<LossHead> matchLossHead(linalg::MatmulOp logits) {
  LossHead head{};
  head.logits = logits;
  std::optional<sterna::MatmulFactors> factors = sterna::getFactors(logits);
  if (!factors || !factors->isTransposedB() ||
      !logits.hasPureTensorSemantics() ||
      !typeOf(head.weight()).hasStaticShape())
    return std::nullopt;
  for (Operation *user : logits->getUsers())
    if (!addUser(head, user))
      return std::nullopt;
  if (!head.loss)
    return std::nullopt;
  if (head.statistics && head.statistics.getLabels() != head.labels())
    return std::nullopt;
  if (head.gradient) {
    if (!head.statistics || head.gradient.getLabels() != head.labels() ||
        head.gradient.getMaximum() != head.statistics.getNewMaximum() ||
        head.gradient.getSum() != head.statistics.getNewSum() ||
        !matchInputGradient(head))
      return std::nullopt;
  }
  return head;
}

/// Statistics of the rows so far.
struct Statistics {
  Value maximum, sum, target;
};

/// Builds the chunks of one head.
class ChunkBuilder {
public:
  ChunkBuilder(LossHead head, int64_t size)
      : head(head), b(head.loss.getContext()), loc(head.loss.getLoc()),
        labels(head.labels()), size(size),
        vocabulary(typeOf(head.weight()).getDimSize(0)) {}

  int64_t numChunks() const { return llvm::divideCeil(vocabulary, size); }

  void run() {
    // Where the labels exist, and before either user of the statistics.
    Operation *first = head.loss;
    if (head.statistics && head.statistics->isBeforeInBlock(first))
      first = head.statistics;
    b.setInsertionPoint(first);
    Statistics statistics = buildStatistics();
    b.setInsertionPoint(head.loss);
    head.loss.replaceAllUsesWith(buildLoss(statistics));
    head.loss->erase();
    if (head.gradient)
      replaceGradient(statistics);
    if (head.statistics) {
      head.statistics->replaceAllUsesWith(
          ValueRange{statistics.maximum, statistics.sum, statistics.target});
      head.statistics->erase();
    }
    eraseLogits();
  }

private:
  sterna::TensorBuilder build() { return {b, loc}; }

  /// Erases the product and the whole buffer that it was to fill.
  void eraseLogits() {
    Operation *outs = head.logits.getOutputs()[0].getDefiningOp();
    head.logits->erase();
    while (outs && isOpTriviallyDead(outs)) {
      Operation *dead = outs;
      outs = outs->getNumOperands() ? outs->getOperands().back().getDefiningOp()
                                    : nullptr;
      dead->erase();
    }
  }

  /// Rows of the head in chunk `chunk`.
  Value weightChunk(int64_t chunk) {
    int64_t offset = chunk * size;
    int64_t rows = std::min(size, vocabulary - offset);
    int64_t columns = typeOf(head.weight()).getDimSize(1);
    SmallVector<OpFoldResult> offsets{b.getIndexAttr(offset),
                                      b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(rows),
                                    b.getIndexAttr(columns)};
    SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(b, loc, head.weight(), offsets, sizes,
                                          strides);
  }

  Value logitsChunk(Value weight) {
    RankedTensorType whole = typeOf(head.logits.getResult(0));
    auto type = RankedTensorType::get(
        {whole.getDimSize(0), typeOf(weight).getDimSize(0)},
        whole.getElementType());
    return build().matmul({head.input()}, {weight, /*transposed=*/true}, type);
  }

  Statistics buildStatistics() {
    Type type = head.loss.getLoss().getType();
    Value zeros = build().constant(type, 0);
    Statistics s{build().constant(type, -infinity), zeros, zeros};
    for (int64_t chunk = 0; chunk < numChunks(); ++chunk) {
      auto next = SoftmaxStatisticsOp::create(
          b, loc, logitsChunk(weightChunk(chunk)), labels, s.maximum, s.sum,
          s.target, chunk * size);
      s = {next.getNewMaximum(), next.getNewSum(), next.getNewTarget()};
    }
    return s;
  }

  /// log(sum) + maximum - target, 0 where the label is negative.
  Value buildLoss(const Statistics &s) {
    Value log = math::LogOp::create(b, loc, s.sum);
    Value normaliser = arith::AddFOp::create(b, loc, log, s.maximum);
    Value loss = arith::SubFOp::create(b, loc, normaliser, s.target);
    auto labelType = typeOf(labels);
    Value first = arith::ConstantOp::create(b, loc, b.getZeroAttr(labelType));
    Value scored =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, labels, first);
    return arith::SelectOp::create(b, loc, scored, loss,
                                   build().constant(loss.getType(), 0));
  }

  void replaceGradient(const Statistics &s) {
    b.setInsertionPoint(head.inputGradient);
    loc = head.gradient.getLoc();
    Value sum = head.inputGradient.getOutputs()[0];
    for (int64_t chunk = 0; chunk < numChunks(); ++chunk) {
      Value weight = weightChunk(chunk);
      Value gradient = CrossEntropyGradOp::create(
          b, loc, logitsChunk(weight), labels, s.maximum, s.sum,
          head.gradient.getCotangent(), chunk * size);
      sum = sterna::createMatmul(b, head.inputGradient.getLoc(), {gradient},
                                 {weight}, sum);
    }
    head.inputGradient->replaceAllUsesWith(ValueRange{sum});
    head.inputGradient->erase();
    head.gradient->erase();
  }

  LossHead head;
  OpBuilder b;
  Location loc;
  Value labels; // outlives the loss, which is replaced first
  int64_t size, vocabulary;
};

struct ChunkLossHead
    : sterna::tern::impl::ChunkLossHeadPassBase<ChunkLossHead> {
  using ChunkLossHeadPassBase::ChunkLossHeadPassBase;

  void runOnOperation() override {
    if (size < 1) {
      getOperation()->emitError("expected a chunk of at least one vocabulary "
                                "row, but got size=")
          << int64_t(size);
      return signalPassFailure();
    }
    SmallVector<LossHead> heads;
    getOperation()->walk([&](linalg::MatmulOp op) {
      if (std::optional<LossHead> head = matchLossHead(op))
        heads.push_back(*head);
    });
    for (LossHead &head : heads) {
      ChunkBuilder builder(head, size);
      builder.run();
      numChunks += builder.numChunks();
    }
  }
};

} // namespace
