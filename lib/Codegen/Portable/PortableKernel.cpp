//===- PortableKernel.cpp - Kernels from reference decompositions ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tier that takes every kernel: decompose into linalg, fuse elementwise
// ops, and split all results along their parallel dimensions into workgroups,
// pulling producers into the loop. Bufferization comes after, inside the
// kernel.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/Portable/PortableKernel.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace sterna;

namespace {

/// Replaces tern.unpack of packed bytes by reads of the codes (#tern.panel).
struct UnpackPattern : OpRewritePattern<tern::UnpackOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tern::UnpackOp op,
                                PatternRewriter &rewriter) const override {
    auto cast = op.getInput().getDefiningOp<UnrealizedConversionCastOp>();
    auto layout = dyn_cast_or_null<tern::PanelAttr>(
        op.getInput().getType().getEncoding());
    if (!cast || !layout)
      return rewriter.notifyMatchFailure(op, "expected packed bytes");
    Value bytes = cast.getInputs()[0];
    Location loc = op.getLoc();
    RankedTensorType type = op.getType();
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                          type.getElementType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(2);
    SmallVector<utils::IteratorType> parallel(2, utils::IteratorType::parallel);
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, type, ValueRange{}, empty, identity, parallel,
        [&](OpBuilder &b, Location loc, ValueRange) {
          Value trit = readTrit(b, loc, bytes, layout, type.getDimSize(1));
          linalg::YieldOp::create(b, loc, trit);
        });
    return success();
  }

  static Value readTrit(OpBuilder &b, Location loc, Value bytes,
                        tern::PanelAttr layout, int64_t numColumns) {
    AffineExpr n = b.getAffineDimExpr(0), k = b.getAffineDimExpr(1);
    int64_t rows = layout.getRows(), columns = layout.getColumns();
    int64_t blocks = (numColumns + columns - 1) / columns;
    AffineExpr block = n.floorDiv(rows) * blocks + k.floorDiv(columns);
    AffineExpr byte =
        block * layout.getBlockBytes() + (n % rows) * 4 + (k % columns) % 4;
    AffineExpr digit = (k % columns).floorDiv(4);
    Value row = linalg::IndexOp::create(b, loc, 0);
    Value column = linalg::IndexOp::create(b, loc, 1);
    auto apply = [&](AffineExpr expr) -> Value {
      return affine::AffineApplyOp::create(b, loc, AffineMap::get(2, 0, expr),
                                           ValueRange{row, column});
    };
    Value code = tensor::ExtractOp::create(b, loc, bytes, apply(byte));
    return layout.isBase3() ? readBase3(b, loc, code, apply(digit))
                            : readTwoBits(b, loc, code, apply(digit * 2));
  }

  static Value readTwoBits(OpBuilder &b, Location loc, Value byte, Value bit) {
    Value shift = arith::IndexCastOp::create(b, loc, b.getI8Type(), bit);
    Value code = arith::ShRUIOp::create(b, loc, byte, shift);
    Value three = arith::ConstantIntOp::create(b, loc, 3, 8);
    Value one = arith::ConstantIntOp::create(b, loc, 1, 8);
    code = arith::AndIOp::create(b, loc, code, three);
    return arith::SubIOp::create(b, loc, code, one);
  }

  /// The byte times 3^digit, modulo 256 and signed, against the thresholds.
  static Value readBase3(OpBuilder &b, Location loc, Value byte, Value digit) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIntOp::create(b, loc, value, 32);
    };
    Value power = constant(1);
    for (int64_t j = 1, value = 3; j < 5; ++j, value *= 3) {
      Value index = arith::ConstantIndexOp::create(b, loc, j);
      Value isJ =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, digit, index);
      power = arith::SelectOp::create(b, loc, isJ, constant(value), power);
    }
    Type i32 = b.getI32Type();
    Value state = arith::MulIOp::create(
        b, loc, arith::ExtSIOp::create(b, loc, i32, byte), power);
    state = arith::ShLIOp::create(b, loc, state, constant(24));
    state = arith::ShRSIOp::create(b, loc, state, constant(24));
    auto holds = [&](arith::CmpIPredicate predicate, int64_t bound) -> Value {
      Value bit =
          arith::CmpIOp::create(b, loc, predicate, state, constant(bound));
      return arith::ExtUIOp::create(b, loc, i32, bit);
    };
    Value trit =
        arith::SubIOp::create(b, loc, holds(arith::CmpIPredicate::sge, 43),
                              holds(arith::CmpIPredicate::sle, -43));
    return arith::TruncIOp::create(b, loc, b.getI8Type(), trit);
  }
};

/// The dimensions along which result `index` of the kernel falls into
/// independent parts.
SmallVector<int64_t> parallelDimensions(plan::KernelOp kernel, unsigned index) {
  // Of several roots the last decides, which reads the others.
  for (Operation &op : llvm::reverse(*kernel.getBodyBlock())) {
    if (isa<linalg::ReduceOp, linalg::TransposeOp, tensor::ConcatOp,
            tensor::InsertSliceOp>(op))
      return {};
    auto root = dyn_cast<DecomposableOpInterface>(op);
    if (!root)
      continue;
    // Epilogues keep the root's shape, and with it the dimensions.
    auto result = dyn_cast<OpResult>(kernel.getYielded()[index]);
    bool own = result && result.getOwner() == &op;
    return root.getParallelDimensions(own ? result.getResultNumber() : 0);
  }
  auto type = cast<RankedTensorType>(kernel.getYielded()[index].getType());
  return llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
}

/// Cuts the lists of `results` to what all of them have in common.
void agree(ParallelResults &results) {
  size_t common = results.dimensions.front().size();
  for (auto [type, dims] : llvm::zip_equal(results.types, results.dimensions)) {
    size_t equal = 0;
    while (
        equal < std::min(common, dims.size()) &&
        type.getDimSize(dims[equal]) ==
            results.types.front().getDimSize(results.dimensions.front()[equal]))
      ++equal;
    common = equal;
  }
  for (auto &dims : results.dimensions)
    dims.resize(common);
  for (int64_t dim : results.dimensions.front())
    results.extents.push_back(results.types.front().getDimSize(dim));
}

/// Whether a tensor of this type has no elements.
bool isEmpty(Type type) {
  return llvm::is_contained(cast<RankedTensorType>(type).getShape(), 0);
}

class PortableKernel {
public:
  PortableKernel(plan::KernelOp kernel, const PortableTarget &target,
                 OpBuilder &builder, ValueRange buffers, Value begin, Value end)
      : kernel(kernel), target(target), rewriter(builder), loc(kernel.getLoc()),
        buffers(buffers), begin(begin), end(end) {}

  FailureOr<int64_t> emit() {
    // Results without elements are there already.
    if (llvm::all_of(kernel.getResultTypes(), isEmpty))
      return 1;
    cloneBody();
    SmallVector<bufferization::MaterializeInDestinationOp> writes;
    for (auto [result, target] : llvm::zip_equal(results, targets))
      writes.push_back(bufferization::MaterializeInDestinationOp::create(
          rewriter, loc, Type(), result, target, /*restrict=*/true,
          /*writable=*/true));
    if (failed(simplify(begin.getParentBlock()->getParentOp())))
      return failure();
    for (auto [result, write] : llvm::zip_equal(results, writes))
      result = write.getSource();
    rewriter.setInsertionPoint(writes.front());
    FailureOr<int64_t> workgroups = split();
    if (failed(workgroups))
      return failure();
    for (auto [result, write] : llvm::zip_equal(results, writes))
      write.getSourceMutable().assign(result);
    return workgroups;
  }

private:
  Value toTensor(Value buffer, bool writable) {
    auto type = cast<MemRefType>(buffer.getType());
    return bufferization::ToTensorOp::create(
        rewriter, loc,
        RankedTensorType::get(type.getShape(), type.getElementType()), buffer,
        /*restrict=*/true, writable);
  }

  /// Clones the kernel's body on tensors of the buffers.
  void cloneBody() {
    Block &body = *kernel.getBodyBlock();
    ArrayRef<int64_t> tied = kernel.getTied();
    IRMapping mapping;
    for (BlockArgument argument : body.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto type = cast<RankedTensorType>(argument.getType());
      Value tensor =
          isEmpty(type)
              ? tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                        type.getElementType())
                    .getResult()
              : toTensor(buffers[number], llvm::is_contained(tied, number));
      if (tensor.getType() != argument.getType())
        tensor = UnrealizedConversionCastOp::create(rewriter, loc,
                                                    argument.getType(), tensor)
                     .getResult(0);
      mapping.map(argument, tensor);
    }
    for (Operation &op : body.without_terminator())
      rewriter.clone(op, mapping);
    unsigned next = body.getNumArguments();
    for (auto [value, argument] : llvm::zip_equal(kernel.getYielded(), tied)) {
      results.push_back(mapping.lookup(value));
      bool isTied = argument >= 0;
      targets.push_back(buffers[isTied ? argument : next++]);
      replaced.push_back(isTied ? mapping.lookup(body.getArgument(argument))
                                : Value());
    }
  }

  LogicalResult simplify(Operation *function) {
    MLIRContext *context = function->getContext();
    RewritePatternSet decompose(context);
    tern::populateDecomposePatterns(decompose);
    decompose.add<UnpackPattern>(context);
    linalg::populateLinalgNamedOpsGeneralizationPatterns(decompose);
    linalg::populateElementwiseToLinalgConversionPatterns(decompose);
    if (failed(applyPatternsGreedily(function, std::move(decompose))))
      return failure();
    RewritePatternSet fuse(context);
    linalg::populateElementwiseOpsFusionPatterns(fuse, [&](OpOperand *operand) {
      Operation *producer = operand->get().getDefiningOp();
      auto generic = dyn_cast<linalg::GenericOp>(producer);
      // Reads of packed weights go where they are used: unpacked, the
      // matrix would be large.
      if (generic && generic.getNumDpsInputs() == 0)
        return true;
      // A reduction reads its operands many times.
      auto consumer = cast<linalg::LinalgOp>(operand->getOwner());
      return producer->hasOneUse() && (consumer.getNumReductionLoops() == 0 ||
                                       target.fusesIntoReductions());
    });
    if (failed(applyPatternsGreedily(function, std::move(fuse))))
      return failure();
    fillConstants(function);
    return success();
  }

  /// Computes what is left of uniform constants: kernels have no data section.
  void fillConstants(Operation *function) {
    function->walk([&](arith::ConstantOp op) {
      auto splat = dyn_cast<SplatElementsAttr>(op.getValue());
      if (!splat)
        return;
      rewriter.setInsertionPoint(op);
      auto type = cast<RankedTensorType>(op.getType());
      Value element = arith::ConstantOp::create(
          rewriter, loc, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
      Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                            type.getElementType());
      auto fill = linalg::FillOp::create(rewriter, loc, element, empty);
      rewriter.replaceOp(op, fill.getResult(0));
    });
  }

  /// Splits the results into workgroups; returns how many there are.
  FailureOr<int64_t> split() {
    ParallelResults parallel;
    parallel.elementwise = true;
    begin.getParentBlock()->getParentOp()->walk([&](linalg::LinalgOp op) {
      parallel.elementwise &= op.getNumReductionLoops() == 0;
    });
    for (auto [index, result] : llvm::enumerate(results)) {
      parallel.types.push_back(cast<RankedTensorType>(result.getType()));
      parallel.dimensions.push_back(parallelDimensions(kernel, index));
    }
    agree(parallel);
    SmallVector<int64_t> tile = target.chooseTile(parallel);
    SmallVector<int64_t> counts;
    for (auto [extent, size] : llvm::zip_equal(parallel.extents, tile))
      counts.push_back(extent / size);
    int64_t workgroups = llvm::product_of(counts);
    if (workgroups == 1)
      return failed(checkInPlace()) ? FailureOr<int64_t>(failure()) : 1;
    if (failed(buildLoop(parallel, tile, counts)))
      return failure();
    return workgroups;
  }

  /// Where one workgroup computes all: what replaces an argument must not read
  /// it at other places than it writes.
  LogicalResult checkInPlace() {
    for (auto [result, old] : llvm::zip_equal(results, replaced)) {
      auto op = result.getDefiningOp<linalg::LinalgOp>();
      if (!old || !op)
        continue;
      AffineMap written =
          op.getIndexingMapMatchingResult(cast<OpResult>(result));
      for (OpOperand *input : op.getDpsInputOperands())
        if (input->get() == old &&
            (op.getNumReductionLoops() ||
             op.getMatchingIndexingMap(input) != written))
          return kernel.emitError("reads parts of a tied argument that it has "
                                  "replaced already");
    }
    return success();
  }

  /// The offset of workgroup number `workgroup` in each parallel dimension.
  SmallVector<OpFoldResult> tileOffsets(Value workgroup, ArrayRef<int64_t> tile,
                                        ArrayRef<int64_t> counts) {
    SmallVector<OpFoldResult> offsets(tile.size());
    AffineExpr rest = rewriter.getAffineDimExpr(0);
    // The dimension that is split last varies fastest.
    for (size_t i = tile.size(); i-- > 0;) {
      AffineExpr number = i == 0 ? rest : rest % counts[i];
      rest = rest.floorDiv(counts[i]);
      offsets[i] = affine::makeComposedFoldedAffineApply(
          rewriter, loc, AffineMap::get(1, 0, number * tile[i]), {workgroup});
    }
    return offsets;
  }

  LogicalResult buildLoop(const ParallelResults &parallel,
                          ArrayRef<int64_t> tile, ArrayRef<int64_t> counts) {
    SmallVector<Value> inits;
    for (auto [target, old] : llvm::zip_equal(targets, replaced))
      inits.push_back(old ? old : toTensor(target, /*writable=*/true));
    Value step = arith::ConstantIndexOp::create(rewriter, loc, 1);
    auto loop = scf::ForOp::create(rewriter, loc, begin, end, step, inits);
    rewriter.setInsertionPointToStart(loop.getBody());
    SmallVector<OpFoldResult> tileAt =
        tileOffsets(loop.getInductionVar(), tile, counts);
    SmallVector<Value> next;
    for (auto [index, result] : llvm::enumerate(results)) {
      RankedTensorType type = parallel.types[index];
      SmallVector<OpFoldResult> offsets(type.getRank(),
                                        rewriter.getIndexAttr(0));
      SmallVector<OpFoldResult> sizes =
          getAsIndexOpFoldResult(rewriter.getContext(), type.getShape());
      SmallVector<OpFoldResult> strides(type.getRank(),
                                        rewriter.getIndexAttr(1));
      for (auto [i, dim] : llvm::enumerate(parallel.dimensions[index])) {
        offsets[dim] = tileAt[i];
        sizes[dim] = rewriter.getIndexAttr(tile[i]);
      }
      auto slice = tensor::ExtractSliceOp::create(rewriter, loc, result,
                                                  offsets, sizes, strides);
      next.push_back(tensor::InsertSliceOp::create(
          rewriter, loc, slice, loop.getRegionIterArgs()[index], offsets, sizes,
          strides));
    }
    scf::YieldOp::create(rewriter, loc, next);
    fuseProducers(loop);
    rewriter.setInsertionPointAfter(loop);
    results.assign(loop.result_begin(), loop.result_end());
    return readReplaced(loop, parallel.dimensions, tileAt);
  }

  /// Lets the loop read what it replaces from the value it carries, so that a
  /// workgroup touches its own part of the buffer alone.
  LogicalResult readReplaced(scf::ForOp loop,
                             ArrayRef<SmallVector<int64_t>> dims,
                             ArrayRef<OpFoldResult> tileAt) {
    for (auto [index, old] : llvm::enumerate(replaced)) {
      if (!old)
        continue;
      for (OpOperand &use : llvm::make_early_inc_range(old.getUses())) {
        if (!loop->isProperAncestor(use.getOwner()))
          continue;
        auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
        if (!slice || !isTile(slice, dims[index], tileAt))
          return kernel.emitError("reads parts of a tied argument that other "
                                  "workgroups replace");
        use.set(loop.getRegionIterArgs()[index]);
      }
    }
    return success();
  }

  /// Whether `slice` starts where the workgroup's tile does.
  static bool isTile(tensor::ExtractSliceOp slice, ArrayRef<int64_t> dims,
                     ArrayRef<OpFoldResult> tileAt) {
    auto compose = [](Value value) {
      auto map = AffineMap::getMultiDimIdentityMap(1, value.getContext());
      SmallVector<Value> operands{value};
      affine::fullyComposeAffineMapAndOperands(&map, &operands);
      affine::canonicalizeMapAndOperands(&map, &operands);
      return std::make_pair(map, operands);
    };
    return llvm::all_of(llvm::zip_equal(dims, tileAt), [&](auto pair) {
      OpFoldResult offset = slice.getMixedOffsets()[std::get<0>(pair)];
      OpFoldResult expected = std::get<1>(pair);
      if (isEqualConstantIntOrValue(offset, expected))
        return true;
      auto x = dyn_cast<Value>(offset), y = dyn_cast<Value>(expected);
      return x && y && compose(x) == compose(y);
    });
  }

  /// Pulls the producers of slices into the loop until none is left.
  void fuseProducers(scf::ForOp loop) {
    bool changed = true;
    while (changed) {
      changed = false;
      for (Operation &op :
           llvm::make_early_inc_range(llvm::reverse(*loop.getBody()))) {
        auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
        if (!slice)
          continue;
        if (slice->use_empty()) {
          rewriter.eraseOp(slice);
          continue;
        }
        rewriter.setInsertionPoint(slice);
        if (auto empty = slice.getSource().getDefiningOp<tensor::EmptyOp>()) {
          rewriter.replaceOpWithNewOp<tensor::EmptyOp>(
              slice, slice.getType().getShape(),
              slice.getType().getElementType());
          changed = true;
          continue;
        }
        SmallVector<LoopLikeOpInterface> loops{loop};
        auto fused = scf::tileAndFuseProducerOfSlice(rewriter, slice, loops);
        if (!fused)
          continue;
        rewriter.replaceOp(slice, fused->tiledAndFusedProducer);
        changed = true;
        break;
      }
    }
  }

  plan::KernelOp kernel;
  const PortableTarget &target;
  IRRewriter rewriter;
  Location loc;
  ValueRange buffers;
  Value begin, end;
  /// By result: its value, its buffer, and the tensor that it replaces if any.
  SmallVector<Value> results, targets, replaced;
};

} // namespace

FailureOr<int64_t> sterna::emitPortableKernel(plan::KernelOp kernel,
                                              const PortableTarget &target,
                                              OpBuilder &builder,
                                              ValueRange buffers, Value begin,
                                              Value end) {
  return PortableKernel(kernel, target, builder, buffers, begin, end).emit();
}

SmallVector<Type> sterna::getBufferTypes(plan::KernelOp kernel) {
  SmallVector<Type> types;
  auto add = [&](Type type) {
    auto buffer = tern::getBufferType(cast<RankedTensorType>(type));
    // One without elements has no strides, which a bare pointer must have.
    types.push_back(
        isEmpty(type) ? MemRefType::get({0}, buffer.getElementType()) : buffer);
  };
  for (Type type : kernel.getBodyBlock()->getArgumentTypes())
    add(type);
  for (auto [type, tied] :
       llvm::zip_equal(kernel.getResultTypes(), kernel.getTied()))
    if (tied < 0)
      add(type);
  return types;
}
