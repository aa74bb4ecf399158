//===- ShardParams.cpp - Cut large parameters into ranges of rows ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-shard-params. It cuts uses, not declarations: a
// shard is a slice of rows, which the plan takes as a view, so that the device
// binary and the other phases know nothing of shards.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_SHARDPARAMSPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;
using sterna::typeOf;

namespace {

/// Whether a parameter of `type` has a size yet.
bool isSized(RankedTensorType type) {
  if (!type.hasStaticShape())
    return false;
  if (isa<TritType>(type.getElementType()))
    return type.getRank() == 2 &&
           isa_and_nonnull<PanelAttr>(type.getEncoding());
  return type.getElementType().isIntOrFloat();
}

int64_t bytesOf(RankedTensorType type) {
  MemRefType buffer = getBufferType(type);
  return llvm::divideCeil(
      buffer.getNumElements() * buffer.getElementTypeBitWidth(), 8);
}

/// Whether `op` is a range of whole rows of its source.
bool isRowSlice(tensor::ExtractSliceOp op) {
  return op.hasUnitStride() && op.getType().hasStaticShape() &&
         !ShapedType::isDynamic(op.getStaticOffsets().front()) &&
         op.getType().getRank() == op.getSourceType().getRank() &&
         op.getType().getShape().drop_front() ==
             op.getSourceType().getShape().drop_front();
}

/// Whether `use` is the factor `[V, K]` of a product `[M, K] x [V, K]` that
/// starts from one value everywhere.
bool isHead(OpOperand &use) {
  auto op = dyn_cast<linalg::MatmulOp>(use.getOwner());
  if (!op || use.getOperandNumber() != 1 || !op.hasPureTensorSemantics() ||
      !typeOf(op.getResult(0)).hasStaticShape())
    return false;
  std::optional<sterna::MatmulFactors> factors = sterna::getFactors(op);
  return factors && factors->isTransposedB() &&
         op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
}

/// Rows `[offset, offset + size)` of a parameter.
struct Shard {
  Value rows;
  int64_t offset, size;
};

/// Cuts one value, a parameter or a range of its rows, into shards.
class Sharding {
public:
  Sharding(Value whole, int64_t maxBytes) : whole(whole), maxBytes(maxBytes) {}

  /// Replaces the op of `use` by ops on shards; false when no rule cuts it.
  bool replace(OpOperand &use) {
    RankedTensorType type = typeOf(whole);
    Operation *op = use.getOwner();
    if (isa<TritType>(type.getElementType()) || type.getRank() != 2 ||
        rowBytes() > maxBytes || llvm::count(op->getOperands(), whole) != 1)
      return false;
    auto embedding = dyn_cast<EmbeddingOp>(op);
    auto matrix = dyn_cast<DequantizeOp>(op);
    if (matrix && &use == &matrix.getCodesMutable())
      return replaceBlocks(matrix);
    if (embedding && &use == &embedding.getTableMutable())
      replaceEmbedding(embedding);
    else if (isHead(use))
      replaceHead(cast<linalg::MatmulOp>(op),
                  [](OpBuilder &, const Shard &shard) { return shard.rows; });
    else
      return false;
    return true;
  }

  int64_t numShards() const { return shards.size(); }

private:
  int64_t rowBytes() {
    RankedTensorType type = typeOf(whole);
    return bytesOf(type.clone({1, type.getDimSize(1)}));
  }

  /// The shards, made when first asked for.
  ArrayRef<Shard> getShards() {
    if (!shards.empty())
      return shards;
    int64_t numRows = typeOf(whole).getDimSize(0);
    // Blocks of 16 rows suit the kernels and the alignment of bindings.
    int64_t maxRows = maxBytes / rowBytes();
    int64_t unit = maxRows >= 16 ? 16 : 1;
    int64_t number = llvm::divideCeil(numRows, maxRows / unit * unit);
    int64_t size = llvm::alignTo(llvm::divideCeil(numRows, number), unit);
    OpBuilder b(whole.getContext());
    b.setInsertionPointAfterValue(whole);
    for (int64_t offset = 0; offset < numRows; offset += size)
      shards.push_back(slice(b, offset, std::min(size, numRows - offset)));
    return shards;
  }

  Shard slice(OpBuilder &b, int64_t offset, int64_t size) {
    Shard shard = {Value(), offset, size};
    shard.rows = sliceRows(b, whole, shard);
    return shard;
  }

  /// One embedding a shard, each replacing the rows that it knows. The first
  /// also answers, with its row 0, the ids that no shard knows.
  void replaceEmbedding(EmbeddingOp op) {
    OpBuilder b(op);
    Value rows = op.getInit();
    for (const Shard &shard : getShards())
      rows = EmbeddingOp::create(
          b, op.getLoc(), op.getType(), shard.rows, op.getIds(),
          op.getScale() ? sliceRows(b, op.getScale(), shard) : Value(), rows,
          op.getOffset() + shard.offset);
    op.replaceAllUsesWith(rows);
    op.erase();
  }

  /// The rows of `whole` that are those of a shard.
  static Value sliceRows(OpBuilder &b, Value whole, const Shard &shard) {
    RankedTensorType type = typeOf(whole);
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(b.getContext(), type.getShape());
    offsets.front() = b.getIndexAttr(shard.offset);
    sizes.front() = b.getIndexAttr(shard.size);
    return tensor::ExtractSliceOp::create(b, whole.getLoc(), whole, offsets,
                                          sizes, strides);
  }

  /// The heads that read a matrix in blocks.
  bool replaceBlocks(DequantizeOp op) {
    if (!llvm::all_of(op->getUses(), isHead))
      return false;
    RankedTensorType type = op.getType();
    for (Operation *head : llvm::make_early_inc_range(op->getUsers()))
      replaceHead(cast<linalg::MatmulOp>(head),
                  [&](OpBuilder &b, const Shard &shard) -> Value {
                    Value minimum = op.getMinimum();
                    return DequantizeOp::create(
                        b, op.getLoc(),
                        type.clone({shard.size, type.getDimSize(1)}),
                        shard.rows, sliceRows(b, op.getScale(), shard),
                        minimum ? sliceRows(b, minimum, shard) : Value());
                  });
    op.erase();
    return true;
  }

  /// One product a shard, with the factor that `getFactor` makes of it, joined
  /// along the columns of the result.
  void
  replaceHead(linalg::MatmulOp op,
              llvm::function_ref<Value(OpBuilder &, const Shard &)> getFactor) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    RankedTensorType type = typeOf(op.getResult(0));
    auto fill = op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
    SmallVector<Value> products;
    for (const Shard &shard : getShards()) {
      auto part = type.clone({type.getDimSize(0), shard.size});
      Value empty = tensor::EmptyOp::create(b, loc, part.getShape(),
                                            part.getElementType());
      Value start = linalg::FillOp::create(b, loc, fill.getInputs()[0], empty)
                        .getResult(0);
      products.push_back(
          clone(b, op, part, {op.getInputs()[0], getFactor(b, shard), start})
              ->getResult(0));
    }
    Value joined = tensor::ConcatOp::create(b, loc, /*dim=*/1, products);
    op->replaceAllUsesWith(ValueRange{joined});
    op->erase();
  }

  Value whole;
  int64_t maxBytes;
  SmallVector<Shard> shards;
};

struct ShardParams : sterna::tern::impl::ShardParamsPassBase<ShardParams> {
  using ShardParamsPassBase::ShardParamsPassBase;

  void runOnOperation() override {
    if (maxBytes < 1) {
      getOperation()->emitError("expected a binding range of at least one "
                                "byte, but got max-bytes=")
          << int64_t(maxBytes);
      return signalPassFailure();
    }
    SmallVector<GetParamOp> reads;
    getOperation()->walk([&](GetParamOp op) { reads.push_back(op); });
    for (GetParamOp read : reads)
      if (failed(shard(read, read.getResult())))
        return signalPassFailure();
  }

private:
  /// Cuts the uses of `rows`, the parameter of `read` or a range of its rows.
  LogicalResult shard(GetParamOp read, Value rows) {
    if (!isSized(typeOf(rows)))
      return read.emitError("expected parameter '")
             << read.getParam()
             << "' to have a static shape and, if ternary, a layout (see "
                "--sterna-assign-layouts), but got "
             << rows.getType();
    int64_t bytes = bytesOf(typeOf(rows));
    if (bytes <= maxBytes)
      return success();
    Sharding sharding(rows, maxBytes);
    for (OpOperand &use : llvm::make_early_inc_range(rows.getUses())) {
      auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
      if (slice && isRowSlice(slice)) {
        if (failed(shard(read, slice.getResult())))
          return failure();
      } else if (!sharding.replace(use)) {
        return use.getOwner()->emitError()
               << "reads " << bytes << " bytes of parameter '"
               << read.getParam() << "' at once, but a binding spans at most "
               << int64_t(maxBytes)
               << "; expected an embedding table or head, which can be cut "
                  "into ranges of rows";
      }
    }
    numShards += sharding.numShards();
    return success();
  }
};

} // namespace
