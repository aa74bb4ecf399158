//===- QuantizeHead.cpp - Element type of the head's table ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-quantize-head. It comes after the loss head was
// chunked and before large parameters are cut, so that what it has to know of
// both is that they read ranges of rows.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_QUANTIZEHEADPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;
using sterna::typeOf;

namespace {

/// Whether `use` is the factor `[V, K]` or `[K, N]` of a product.
bool isRightFactor(OpOperand &use) {
  auto op = dyn_cast<linalg::MatmulOp>(use.getOwner());
  return op && use.getOperandNumber() == 1 && op.hasPureTensorSemantics();
}

/// Whether a product reads `value` or a range of its rows.
bool isHead(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
    return slice ? isHead(slice.getResult()) : isRightFactor(use);
  });
}

/// A table, or a range of its rows, in its new type. `scale` is null unless it
/// holds bytes.
struct Table {
  Value rows, scale;
};

/// Lets one function read a table in its new type.
class TableUses {
public:
  explicit TableUses(GetParamOp read) : b(read), read(read) {}

  /// Replaces all uses of `old` by uses of `table`.
  LogicalResult replace(Value old, const Table &table) {
    for (OpOperand &use : llvm::make_early_inc_range(old.getUses())) {
      Operation *op = use.getOwner();
      b.setInsertionPoint(op);
      loc = op->getLoc();
      if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
        if (failed(replaceSlice(slice, table)))
          return failure();
      } else if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
        embedding.getTableMutable().set(table.rows);
        if (table.scale)
          embedding.getScaleMutable().assign(table.scale);
      } else if (isRightFactor(use)) {
        if (failed(replaceFactor(cast<linalg::MatmulOp>(op), table)))
          return failure();
      } else {
        return reject(op);
      }
    }
    return success();
  }

private:
  LogicalResult reject(Operation *op) {
    return op->emitError("expected the table '")
           << read.getParam()
           << "' to be read by embeddings, products and ranges of whole rows "
              "alone, as --sterna-quantize-head can change them";
  }

  LogicalResult replaceSlice(tensor::ExtractSliceOp op, const Table &table) {
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
    SmallVector<OpFoldResult> sizes = op.getMixedSizes();
    if (!op.hasUnitStride() || op.getType().getRank() != 2 ||
        op.getType().getDimSize(1) != op.getSourceType().getDimSize(1))
      return reject(op);
    Table part;
    part.rows = tensor::ExtractSliceOp::create(b, loc, table.rows, offsets,
                                               sizes, op.getMixedStrides());
    if (table.scale)
      part.scale = tensor::ExtractSliceOp::create(
          b, loc, table.scale, ArrayRef(offsets).take_front(),
          ArrayRef(sizes).take_front(), OpFoldResult(b.getIndexAttr(1)));
    if (failed(replace(op.getResult(), part)))
      return failure();
    op.erase();
    return success();
  }

  /// Scales the columns of a product with the transposed table, and the left
  /// side of one along its rows.
  LogicalResult replaceFactor(linalg::MatmulOp op, const Table &table) {
    std::optional<sterna::MatmulFactors> factors = sterna::getFactors(op);
    if (!factors)
      return reject(op);
    bool transposed = factors->rhs.transposed;
    if (table.scale && !transposed && factors->lhs.transposed)
      return reject(op);
    if (table.scale && !transposed)
      factors->lhs.matrix = scaleColumns(factors->lhs.matrix, table.scale);
    if (table.scale && transposed &&
        !op.getOutputs()[0].getDefiningOp<linalg::FillOp>())
      return reject(op);
    // The body of a product depends on the types of its operands.
    Value product = sterna::createMatmul(
        b, loc, factors->lhs, {table.rows, transposed}, op.getOutputs()[0]);
    if (table.scale && transposed)
      product = scaleColumns(product, table.scale);
    op->replaceAllUsesWith(ValueRange{product});
    op.erase();
    return success();
  }

  /// `matrix` with each column times its element of `scale`.
  Value scaleColumns(Value matrix, Value scale) {
    sterna::TensorBuilder build{b, loc};
    return build.mul(matrix, build.broadcast(scale, {0}, typeOf(matrix)));
  }

  OpBuilder b;
  GetParamOp read;
  Location loc = UnknownLoc::get(b.getContext());
};

struct QuantizeHead : sterna::tern::impl::QuantizeHeadPassBase<QuantizeHead> {
  using QuantizeHeadPassBase::QuantizeHeadPassBase;

  void runOnOperation() override {
    Builder b(&getContext());
    Type element = type == "f16"    ? Type(b.getF16Type())
                   : type == "int8" ? Type(b.getI8Type())
                                    : Type();
    if (!element) {
      getOperation()->emitError("expected type=f16 or type=int8, but got type=")
          << type;
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    for (auto &[param, reads] : findHeads(symbols))
      if (param.getType().getElementType() != element &&
          failed(convert(param, reads, element, symbols)))
        return signalPassFailure();
  }

private:
  using Reads = llvm::MapVector<ParamOp, SmallVector<GetParamOp>>;

  /// The parameters that are heads, with all reads of them.
  Reads findHeads(SymbolTable &symbols) {
    Reads reads;
    getOperation()->walk([&](GetParamOp op) {
      auto param = symbols.lookup<ParamOp>(op.getParam());
      if (isa<FloatType>(op.getType().getElementType()) &&
          op.getType().getRank() == 2 && isa<FileSourceAttr>(param.getSource()))
        reads[param].push_back(op);
    });
    reads.remove_if([](auto &entry) {
      return llvm::none_of(
          entry.second, [](GetParamOp op) { return isHead(op.getResult()); });
    });
    return reads;
  }

  LogicalResult convert(ParamOp param, ArrayRef<GetParamOp> reads, Type element,
                        SymbolTable &symbols) {
    RankedTensorType table = param.getType().clone(element);
    param.setType(table);
    ParamOp scale;
    if (element.isInteger(8)) {
      OpBuilder b(&getContext());
      b.setInsertionPointAfter(param);
      std::string name = (param.getSymName() + ".scale").str();
      scale = ParamOp::create(
          b, param.getLoc(), name, getRowScaleType(table),
          RowScalesAttr::get(&getContext(),
                             cast<FileSourceAttr>(param.getSource()),
                             table.getDimSize(1)));
      symbols.insert(scale);
    }
    for (GetParamOp read : reads) {
      OpBuilder b(read);
      Table to;
      to.rows = GetParamOp::create(b, read.getLoc(), table, param.getSymName());
      if (scale)
        to.scale = GetParamOp::create(b, read.getLoc(), scale.getType(),
                                      scale.getSymName());
      if (failed(TableUses(read).replace(read.getResult(), to)))
        return failure();
      read.erase();
    }
    ++numTables;
    return success();
  }
};

} // namespace
