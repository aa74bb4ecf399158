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
/// holds bytes or blocks, whose `minimum` may be null.
struct Table {
  Value rows, scale, minimum;

  /// Whether the bytes are codes of blocks (tern.dequantize).
  bool isBlocks() const { return scale && typeOf(scale).getRank() == 2; }
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
        if (failed(replaceEmbedding(embedding, table)))
          return failure();
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
              "alone, as --sterna-quantize-head can change them"
           << (isa<EmbeddingOp>(op)
                   ? ": into blocks, by embeddings of a whole table into f32"
                   : "");
  }

  LogicalResult replaceSlice(tensor::ExtractSliceOp op, const Table &table) {
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
    SmallVector<OpFoldResult> sizes = op.getMixedSizes();
    if (!op.hasUnitStride() || op.getType().getRank() != 2 ||
        op.getType().getDimSize(1) != op.getSourceType().getDimSize(1))
      return reject(op);
    auto slice = [&](Value whole) -> Value {
      if (!whole)
        return {};
      RankedTensorType type = typeOf(whole);
      if (type.getRank() == 2)
        sizes.back() = b.getIndexAttr(type.getDimSize(1));
      return tensor::ExtractSliceOp::create(
          b, loc, whole, ArrayRef(offsets).take_front(type.getRank()),
          ArrayRef(sizes).take_front(type.getRank()),
          SmallVector<OpFoldResult>(type.getRank(), b.getIndexAttr(1)));
    };
    Table part{slice(table.rows), slice(table.scale), slice(table.minimum)};
    if (failed(replace(op.getResult(), part)))
      return failure();
    op.erase();
    return success();
  }

  /// Reads rows of the new table: of blocks their codes and factors.
  LogicalResult replaceEmbedding(EmbeddingOp op, const Table &table) {
    if (!table.isBlocks()) {
      op.getTableMutable().set(table.rows);
      if (table.scale)
        op.getScaleMutable().assign(table.scale);
      return success();
    }
    // What an embedding starts from, and where, would be that of codes.
    if (op.getInit() || op.getOffset() ||
        !op.getType().getElementType().isF32())
      return reject(op);
    auto gather = [&](Value from) -> Value {
      if (!from)
        return {};
      RankedTensorType type = typeOf(from);
      return EmbeddingOp::create(
          b, loc, type.clone({op.getType().getDimSize(0), type.getDimSize(1)}),
          from, op.getIds());
    };
    op.replaceAllUsesWith(dequantize(
        {gather(table.rows), gather(table.scale), gather(table.minimum)}));
    op.erase();
    return success();
  }

  /// The floats that blocks stand for.
  Value dequantize(const Table &blocks) {
    RankedTensorType scale = typeOf(blocks.scale);
    auto type = RankedTensorType::get(
        {scale.getDimSize(0), scale.getDimSize(1) * blockColumns},
        b.getF32Type());
    return DequantizeOp::create(b, loc, type, blocks.rows, blocks.scale,
                                blocks.minimum);
  }

  /// Scales the columns of a product with the transposed table, and the left
  /// side of one along its rows.
  LogicalResult replaceFactor(linalg::MatmulOp op, const Table &table) {
    std::optional<sterna::MatmulFactors> factors = sterna::getFactors(op);
    if (!factors)
      return reject(op);
    bool transposed = factors->rhs.transposed;
    if (table.isBlocks()) {
      op->replaceAllUsesWith(ValueRange{sterna::createMatmul(
          b, loc, factors->lhs, {dequantize(table), transposed},
          op.getOutputs()[0])});
      op.erase();
      return success();
    }
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
    if (!llvm::is_contained({"f16", "int8", "q6", "q4"}, StringRef(type))) {
      getOperation()->emitError("expected type=f16, int8, q6 or q4, but got "
                                "type=")
          << type;
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    for (auto &[param, reads] : findHeads(symbols))
      if (failed(convert(param, reads, symbols)))
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

  LogicalResult convert(ParamOp param, ArrayRef<GetParamOp> reads,
                        SymbolTable &symbols) {
    if (type == "f16" && param.getType().getElementType().isF16())
      return success();
    FailureOr<NewParams> params = changeType(param, symbols);
    if (failed(params))
      return failure();
    for (GetParamOp read : reads) {
      OpBuilder b(read);
      auto get = [&](ParamOp param) -> Value {
        if (!param)
          return {};
        return GetParamOp::create(b, read.getLoc(), param.getType(),
                                  param.getSymName());
      };
      Table table{get(params->rows), get(params->scale), get(params->minimum)};
      if (failed(TableUses(read).replace(read.getResult(), table)))
        return failure();
      read.erase();
    }
    ++numTables;
    return success();
  }

  /// The parameters of a table in its new type.
  struct NewParams {
    ParamOp rows, scale, minimum;
  };

  FailureOr<NewParams> changeType(ParamOp param, SymbolTable &symbols) {
    if (type == "q6" || type == "q4")
      return makeBlocks(param, symbols);
    Builder b(&getContext());
    RankedTensorType table = param.getType().clone(
        type == "f16" ? Type(b.getF16Type()) : Type(b.getI8Type()));
    param.setType(table);
    NewParams params{param, {}, {}};
    if (type == "int8")
      params.scale =
          addParam(param, "scale", getRowScaleType(table),
                   RowScalesAttr::get(&getContext(),
                                      cast<FileSourceAttr>(param.getSource()),
                                      table.getDimSize(1)),
                   symbols);
    return params;
  }

  FailureOr<NewParams> makeBlocks(ParamOp param, SymbolTable &symbols) {
    auto source = cast<FileSourceAttr>(param.getSource());
    int64_t rows = param.getType().getDimSize(0);
    int64_t columns = param.getType().getDimSize(1);
    unsigned bits = type == "q4" ? 4 : 6;
    if (columns % blockColumns) {
      param.emitError("expected type=")
          << type << " to get a table of a multiple of " << blockColumns
          << " columns, but '" << param.getSymName() << "' has " << columns
          << "; choose model, f16 or int8";
      return failure();
    }
    Builder b(&getContext());
    auto part = [&](BlockPart part) {
      return BlocksAttr::get(&getContext(), source, columns, bits, part);
    };
    int64_t blocks = columns / blockColumns;
    auto factors = RankedTensorType::get({rows, blocks}, b.getF16Type());
    param.setType(RankedTensorType::get({rows, blocks * getBlockBytes(bits)},
                                        b.getI8Type()));
    param.setSourceAttr(part(BlockPart::Codes));
    NewParams params{param, {}, {}};
    params.scale =
        addParam(param, "scale", factors, part(BlockPart::Scales), symbols);
    if (bits == 4)
      params.minimum = addParam(param, "minimum", factors,
                                part(BlockPart::Minimums), symbols);
    return params;
  }

  /// A parameter next to `param`, whose name it extends.
  static ParamOp addParam(ParamOp param, StringRef what, RankedTensorType type,
                          Attribute source, SymbolTable &symbols) {
    OpBuilder b(param.getContext());
    b.setInsertionPointAfter(param);
    std::string name = (param.getSymName() + "." + what).str();
    ParamOp added = ParamOp::create(b, param.getLoc(), name, type, source);
    symbols.insert(added);
    return added;
  }
};

} // namespace
