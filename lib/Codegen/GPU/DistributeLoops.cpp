//===- DistributeLoops.cpp - Run linalg ops on invocations ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-distribute-loops.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_DISTRIBUTELOOPSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

namespace {

constexpr int64_t invocations = sterna::gpu::workgroupSize;

/// The buffer that a memref is a view of.
Value getBuffer(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// Whether the regions of `op` may run more than once.
bool isLoop(Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    std::optional<APInt> count = loop.getStaticTripCount();
    return !count || count->ugt(1);
  }
  return !isa<scf::IfOp, func::FuncOp>(op);
}

bool isInLoop(Operation *op) {
  for (Operation *parent = op->getParentOp(); !isa<func::FuncOp>(parent);
       parent = parent->getParentOp())
    if (isLoop(parent))
      return true;
  return false;
}

/// Builds the loops of one linalg op for the invocation `id`.
class Distributor {
public:
  Distributor(linalg::GenericOp op, Value id)
      : op(op), b(op), loc(op.getLoc()), id(id) {
    for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray()))
      (kind == utils::IteratorType::parallel ? parallel : reduction)
          .push_back(dim);
    extents = op.getStaticLoopRanges();
    iterations = product(parallel);
    terms = product(reduction);
  }

  LogicalResult run() {
    if (llvm::any_of(extents, ShapedType::isDynamic))
      return op.emitError("expected loops of static extents");
    if (iterations == 0) {
      op.erase();
      return success();
    }
    if (isNarrow()) {
      if (!startsWithWord())
        return op.emitError("expected results of less than a word to begin "
                            "with one and to lie in one piece");
      emitWords();
    } else if (auto combiner = getCombiner())
      emitLanes(*combiner);
    else
      emitStrided();
    op.erase();
    return success();
  }

private:
  //===--------------------------------------------------------------------===//
  // Scalars
  //===--------------------------------------------------------------------===//

  int64_t product(ArrayRef<unsigned> dims) const {
    int64_t result = 1;
    for (unsigned dim : dims)
      result *= extents[dim];
    return result;
  }

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  /// Sets `at[dims]` to the indices of iteration `number` of these dimensions,
  /// the last varying fastest. All values are non-negative.
  void delinearize(Value number, ArrayRef<unsigned> dims,
                   SmallVector<Value> &at) {
    for (auto [position, dim] : llvm::enumerate(llvm::reverse(dims))) {
      bool outermost = position + 1 == dims.size();
      Value extent = index(extents[dim]);
      at[dim] =
          outermost
              ? number
              : arith::RemUIOp::create(b, loc, number, extent).getResult();
      if (!outermost)
        number = arith::DivUIOp::create(b, loc, number, extent);
    }
  }

  /// Indices of all loops, zero until set.
  SmallVector<Value> origin() {
    return SmallVector<Value>(extents.size(), index(0));
  }

  SmallVector<Value> indicesOf(OpOperand &operand, ArrayRef<Value> at) {
    SmallVector<Value> indices;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (AffineExpr expr : map.getResults())
      indices.push_back(getValueOrCreateConstantIndexOp(
          b, loc,
          affine::makeComposedFoldedAffineApply(
              b, loc, AffineMap::get(map.getNumDims(), 0, expr),
              getAsOpFoldResult(ValueRange(at)))));
    return indices;
  }

  Value load(OpOperand &operand, ArrayRef<Value> at) {
    if (op.isScalar(&operand))
      return operand.get();
    return memref::LoadOp::create(b, loc, operand.get(),
                                  indicesOf(operand, at));
  }

  void store(Value value, OpOperand &output, ArrayRef<Value> at) {
    memref::StoreOp::create(b, loc, value, output.get(), indicesOf(output, at));
  }

  SmallVector<Value> loadOutputs(ArrayRef<Value> at) {
    SmallVector<Value> values;
    for (OpOperand &output : op.getDpsInitsMutable())
      values.push_back(op.payloadUsesValueFromOperand(&output) ||
                               !reduction.empty()
                           ? load(output, at)
                           : Value());
    return values;
  }

  /// The op's body at indices `at` with the old values `outputs`.
  SmallVector<Value> emitBody(ArrayRef<Value> at, ArrayRef<Value> outputs) {
    IRMapping mapping;
    Block *body = op.getBlock();
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(input))
        mapping.map(op.getMatchingBlockArgument(input), load(*input, at));
    for (auto [output, value] :
         llvm::zip_equal(op.getRegionOutputArgs(), outputs))
      if (value)
        mapping.map(output, value);
    for (Operation &nested : body->without_terminator()) {
      if (auto loop = dyn_cast<linalg::IndexOp>(nested))
        mapping.map(loop.getResult(), at[loop.getDim()]);
      else
        b.clone(nested, mapping);
    }
    return llvm::map_to_vector(
        body->getTerminator()->getOperands(),
        [&](Value value) { return mapping.lookupOrDefault(value); });
  }

  /// The reduction at parallel indices `at` over iterations `from`, `from +
  /// step`, ... of the reduction dimensions, from `values`.
  SmallVector<Value> emitReduction(SmallVector<Value> at, Value from,
                                   int64_t step, ArrayRef<Value> values) {
    if (reduction.empty())
      return emitBody(at, values);
    auto loop =
        scf::ForOp::create(b, loc, from, index(terms), index(step), values,
                           [&](OpBuilder &, Location, Value, ValueRange) {});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    delinearize(loop.getInductionVar(), reduction, at);
    SmallVector<Value> old(loop.getRegionIterArgs());
    scf::YieldOp::create(b, loc, emitBody(at, old));
    return SmallVector<Value>(loop.getResults());
  }

  /// Runs `body` for numbers below `count`, each by one invocation.
  void deal(int64_t count, function_ref<void(Value)> body) {
    OpBuilder::InsertionGuard guard(b);
    if (count == invocations)
      return body(id);
    if (count < invocations) {
      Value mine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, id,
                                         index(count));
      auto branch = scf::IfOp::create(b, loc, mine, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
      return body(id);
    }
    auto loop =
        scf::ForOp::create(b, loc, id, index(count), index(invocations));
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }

  //===--------------------------------------------------------------------===//
  // Ways to deal out the iterations
  //===--------------------------------------------------------------------===//

  /// One iteration of the parallel dimensions to an invocation at a time.
  void emitStrided() {
    deal(iterations, [&](Value number) {
      SmallVector<Value> at = origin();
      delinearize(number, parallel, at);
      SmallVector<Value> results =
          emitReduction(at, index(0), 1, loadOutputs(at));
      for (auto [result, output] :
           llvm::zip_equal(results, op.getDpsInitsMutable()))
        store(result, output, at);
    });
  }

  /// Whether the result's elements are parts of a word of memory. A scalar has
  /// one of its own.
  bool isNarrow() {
    Value output = op.getDpsInits().front();
    return op.getNumDpsInits() == 1 && isa<BlockArgument>(getBuffer(output)) &&
           cast<MemRefType>(output.getType()).getRank() != 0 &&
           getElementTypeOrSelf(output).getIntOrFloatBitWidth() < 32;
  }

  /// How many a word has; a boolean takes a byte.
  int64_t perWord() {
    Type type = getElementTypeOrSelf(op.getDpsInits().front());
    return 32 / std::max(type.getIntOrFloatBitWidth(), 8u);
  }

  /// Whether the result's view is contiguous and, as far as can be seen, begins
  /// with a word; tiles do.
  bool startsWithWord() {
    auto type = cast<MemRefType>(op.getDpsInits().front().getType());
    auto [strides, offset] = type.getStridesAndOffset();
    return type.areTrailingDimsContiguous(type.getRank()) &&
           (ShapedType::isDynamic(offset) || offset % perWord() == 0);
  }

  /// The neighbouring results of a word to an invocation at a time. Those past
  /// the end repeat the last: they fall into the padding of the buffer.
  void emitWords() {
    OpOperand &output = *op.getDpsInitsMutable().begin();
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(
        0, cast<MemRefType>(output.get().getType()).getRank()));
    Value flat = memref::CollapseShapeOp::create(
        b, loc, output.get(), SmallVector<ReassociationIndices>{all});
    int64_t count = perWord();
    deal(llvm::divideCeil(iterations, count), [&](Value word) {
      Value first = arith::MulIOp::create(b, loc, word, index(count));
      SmallVector<Value> results;
      for (int64_t i = 0; i < count; ++i) {
        Value number = arith::AddIOp::create(b, loc, first, index(i));
        if (iterations % count)
          number =
              arith::MinUIOp::create(b, loc, number, index(iterations - 1));
        SmallVector<Value> at = origin();
        delinearize(number, parallel, at);
        results.push_back(
            emitReduction(at, index(0), 1, loadOutputs(at)).front());
      }
      auto type = VectorType::get(count, results.front().getType());
      Value vector = vector::FromElementsOp::create(b, loc, type, results);
      vector::StoreOp::create(b, loc, vector, flat, ValueRange{first});
    });
  }

  /// How partial results of a reduction combine.
  struct Combiner {
    Operation *op;
    TypedAttr neutral;
  };

  /// The combiner, if the reduction has few results and many terms.
  std::optional<Combiner> getCombiner() {
    if (op.getNumDpsInits() != 1 || terms < 8 || iterations > invocations / 2)
      return std::nullopt;
    SmallVector<Operation *> combiners;
    if (!matchReduction(op.getRegionOutputArgs(), 0, combiners) ||
        combiners.size() != 1)
      return std::nullopt;
    TypedAttr neutral = getNeutral(combiners.front());
    if (!neutral)
      return std::nullopt;
    return Combiner{combiners.front(), neutral};
  }

  TypedAttr getNeutral(Operation *combiner) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Type type = combiner->getResult(0).getType();
    if (isa<arith::AddFOp, arith::AddIOp>(combiner))
      return b.getZeroAttr(type);
    if (isa<arith::MaxNumFOp>(combiner))
      return b.getFloatAttr(type, -infinity);
    if (isa<arith::MaxSIOp>(combiner))
      return b.getIntegerAttr(
          type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth()));
    return {};
  }

  /// Each result by a power of two of invocations, its lanes, about as many as
  /// the terms that each adds up. The first lane starts from the old value.
  void emitLanes(const Combiner &combiner) {
    OpOperand &output = *op.getDpsInitsMutable().begin();
    int64_t lanes =
        std::min<int64_t>(llvm::bit_floor(uint64_t(invocations / iterations)),
                          llvm::bit_ceil(uint64_t(std::sqrt(double(terms)))));
    Type type = getElementTypeOrSelf(output.get());
    Value partial = memref::AllocOp::create(
        b, loc, MemRefType::get({iterations, lanes}, type));
    deal(iterations * lanes, [&](Value number) {
      Value row = arith::DivUIOp::create(b, loc, number, index(lanes));
      Value lane = arith::RemUIOp::create(b, loc, number, index(lanes));
      SmallVector<Value> at = origin();
      delinearize(row, parallel, at);
      Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                            lane, index(0));
      Value neutral = arith::ConstantOp::create(b, loc, combiner.neutral);
      Value start = arith::SelectOp::create(b, loc, isFirst,
                                            loadOutputs(at).front(), neutral);
      Value result = emitReduction(at, lane, lanes, start).front();
      memref::StoreOp::create(b, loc, result, partial, ValueRange{row, lane});
    });
    mlir::gpu::BarrierOp::create(b, loc);
    deal(iterations, [&](Value row) {
      SmallVector<Value> at = origin();
      delinearize(row, parallel, at);
      Value first =
          memref::LoadOp::create(b, loc, partial, ValueRange{row, index(0)});
      auto loop = scf::ForOp::create(
          b, loc, index(1), index(lanes), index(1), first,
          [&](OpBuilder &nested, Location, Value lane, ValueRange sum) {
            Value next = memref::LoadOp::create(nested, loc, partial,
                                                ValueRange{row, lane});
            Operation *combined = nested.clone(*combiner.op);
            combined->setOperands({sum[0], next});
            scf::YieldOp::create(nested, loc, combined->getResults());
          });
      store(loop.getResult(0), output, at);
    });
    // The next iteration writes the partial results again.
    if (isInLoop(op))
      mlir::gpu::BarrierOp::create(b, loc);
  }

  linalg::GenericOp op;
  OpBuilder b;
  Location loc;
  Value id;
  SmallVector<unsigned> parallel, reduction;
  SmallVector<int64_t> extents;
  int64_t iterations, terms;
};

/// The buffers that an op reads and writes; null stands for any.
struct Accesses {
  llvm::SmallSetVector<Value, 4> reads, writes;

  static Accesses of(Operation *op) {
    Accesses accesses;
    auto effects = getEffectsRecursively(op);
    if (!effects) {
      accesses.writes.insert(Value());
      return accesses;
    }
    for (const MemoryEffects::EffectInstance &effect : *effects) {
      if (isa<MemoryEffects::Read>(effect.getEffect()))
        accesses.reads.insert(bufferOf(effect));
      if (isa<MemoryEffects::Write>(effect.getEffect()))
        accesses.writes.insert(bufferOf(effect));
    }
    return accesses;
  }

  bool empty() const { return reads.empty() && writes.empty(); }

  bool conflictsWith(const Accesses &other) const {
    auto meets = [](const auto &x, const auto &y) {
      if (x.empty() || y.empty())
        return false;
      return x.contains(Value()) || y.contains(Value()) ||
             llvm::any_of(x, [&](Value buffer) { return y.contains(buffer); });
    };
    return meets(writes, other.reads) || meets(writes, other.writes) ||
           meets(reads, other.writes);
  }

private:
  /// The buffer, if it is known to be no other's view.
  static Value bufferOf(const MemoryEffects::EffectInstance &effect) {
    if (!effect.getValue())
      return {};
    Value buffer = getBuffer(effect.getValue());
    auto argument = dyn_cast<BlockArgument>(buffer);
    bool isRoot =
        argument ? isa<func::FuncOp>(argument.getOwner()->getParentOp())
                 : isa<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp>(
                       buffer.getDefiningOp());
    return isRoot ? buffer : Value();
  }
};

/// Ops that may have run since the last barrier, and what they access.
using Pending = llvm::MapVector<Operation *, Accesses>;

struct DistributeLoops
    : sterna::gpu::impl::DistributeLoopsPassBase<DistributeLoops> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    OpBuilder b(function.getBody());
    Value id = mlir::gpu::ThreadIdOp::create(b, function.getLoc(),
                                             mlir::gpu::Dimension::x);
    function.walk([](memref::DeallocOp op) { op.erase(); });
    Pending pending;
    addBarriers(function.front(), pending);
    SmallVector<linalg::LinalgOp> ops;
    function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      FailureOr<linalg::GenericOp> generic = generalize(op);
      if (failed(generic) || failed(Distributor(*generic, id).run()))
        return signalPassFailure();
    }
  }

private:
  static FailureOr<linalg::GenericOp> generalize(linalg::LinalgOp op) {
    if (auto generic = dyn_cast<linalg::GenericOp>(*op))
      return generic;
    IRRewriter rewriter(op.getContext());
    rewriter.setInsertionPoint(op);
    return linalg::generalizeNamedOp(rewriter, op);
  }

  /// Lets each op of `block` wait for those since the last barrier, `pending`,
  /// if they share a buffer that either writes. Invocations deal out the
  /// iterations of each op anew, so this holds even between elementwise ops. An
  /// op does not wait for itself: iterations of a loop around it write
  /// different parts, as those of the reference decompositions do.
  static void addBarriers(Block &block, Pending &pending) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<mlir::gpu::BarrierOp>(op)) {
        pending.clear();
        continue;
      }
      if (!isa<linalg::LinalgOp>(op) && op.getNumRegions() > 0) {
        addBarriersInRegions(op, pending);
        continue;
      }
      Accesses accesses = Accesses::of(&op);
      if (accesses.empty())
        continue;
      if (llvm::any_of(pending, [&](const auto &earlier) {
            return earlier.first != &op &&
                   earlier.second.conflictsWith(accesses);
          })) {
        OpBuilder b(&op);
        mlir::gpu::BarrierOp::create(b, op.getLoc());
        pending.clear();
      }
      pending.insert({&op, accesses});
    }
  }

  /// Regions of a loop run any number of times, one after the other or not at
  /// all: what is pending before or after any of them is pending at the start
  /// of the others and after the loop. A second time over them finds what an
  /// iteration must wait for. Those of a condition all start alike.
  static void addBarriersInRegions(Operation &op, Pending &pending) {
    const Pending before = pending;
    for (int time = 0; time < (isLoop(&op) ? 2 : 1); ++time)
      for (Region &region : op.getRegions())
        for (Block &block : region) {
          Pending state = isLoop(&op) ? pending : before;
          addBarriers(block, state);
          for (const auto &earlier : state)
            pending.insert(earlier);
        }
  }
};

} // namespace
