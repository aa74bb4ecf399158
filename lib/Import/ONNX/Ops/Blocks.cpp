//===- Blocks.cpp - Matrices of a few bits in blocks ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX Runtime's ops on matrices whose rows are cut into blocks, each with a
// scale and a zero point: integers of 2 or 4 bits, the first in the low bits of
// a byte. Follows docs/ContribOperators.md of that project.
//
//===----------------------------------------------------------------------===//

#include "Gather.h"
#include "Matrices.h"
#include "mlir/IR/Matchers.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/PackedIntegers.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// The parameter that `value` is, or null.
tern::ParamOp findParameter(Value value) {
  auto get = value.getDefiningOp<tern::GetParamOp>();
  return get ? SymbolTable::lookupNearestSymbolFrom<tern::ParamOp>(
                   get, get.getParamAttr())
             : tern::ParamOp();
}

/// Bytes as unsigned integers of `bits` bits, a byte each, in `shape`: a
/// parameter is read so from its file.
Value unpackBytes(NodeBuilder &n, Value bytes, unsigned bits, Shape shape) {
  if (bits == 8)
    return n.reshape(bytes, shape);
  auto type = typeOf(bytes).clone(shape);
  if (tern::ParamOp param = findParameter(bytes)) {
    auto source = dyn_cast<tern::ElementsSourceAttr>(param.getSource());
    if (source && source.getBits() == 0) {
      std::string name = (param.getSymName() + ".unpacked").str();
      OpBuilder::InsertionGuard guard(n.b);
      if (!SymbolTable::lookupNearestSymbolFrom(param,
                                                n.b.getStringAttr(name))) {
        n.b.setInsertionPointAfter(param);
        tern::ParamOp::create(
            n.b, param.getLoc(), name, type,
            tern::ElementsSourceAttr::get(n.b.getContext(), source.getPath(),
                                          source.getOffset(), bits,
                                          /*isUnsigned=*/true));
      }
      n.b.setInsertionPointAfterValue(bytes);
      return tern::GetParamOp::create(n.b, bytes.getLoc(), type, name);
    }
  }
  Value flat = n.reshape(bytes, {typeOf(bytes).getNumElements()});
  int64_t perByte = 8 / bits, count = type.getNumElements();
  Value codes = n.generate(
      {count}, n.b.getI8Type(), [&](TensorBuilder &b, ArrayRef<Value> at) {
        ArrayBuilder inner{b};
        Value divisor = inner.index(perByte);
        Value from = arith::DivUIOp::create(b.b, b.loc, at[0], divisor);
        Value field = arith::RemUIOp::create(b.b, b.loc, at[0], divisor);
        Value byte = n.extract(b, flat, from);
        Value shift =
            arith::MulIOp::create(b.b, b.loc, field, inner.index(bits));
        shift = arith::IndexCastOp::create(b.b, b.loc, b.b.getI8Type(), shift);
        byte = arith::ShRUIOp::create(b.b, b.loc, byte, shift);
        return arith::AndIOp::create(
                   b.b, b.loc, byte,
                   inner.integer(b.b.getI8Type(), (1 << bits) - 1))
            .getResult();
      });
  return n.reshape(codes, shape);
}

/// The first `size` of `bytes`, a constant or a parameter; empty where they are
/// computed or cannot be read.
std::string readBytes(Value bytes, uint64_t size) {
  DenseIntElementsAttr elements;
  if (matchPattern(bytes, m_Constant(&elements))) {
    std::string text;
    for (const APInt &byte : elements.getValues<APInt>())
      text.push_back(char(byte.getZExtValue()));
    return text.substr(0, size);
  }
  tern::ParamOp param = findParameter(bytes);
  auto source = param ? dyn_cast<tern::ElementsSourceAttr>(param.getSource())
                      : tern::ElementsSourceAttr();
  if (!source)
    return "";
  auto buffer = llvm::MemoryBuffer::getFileSlice(source.getPath(), size,
                                                 source.getOffset());
  return buffer ? (*buffer)->getBuffer().str() : "";
}

/// The one number that all zero points in `bytes`, `rows` of `blocks` each,
/// are; none where they differ or are computed.
std::optional<int64_t> findZeroPoint(Value bytes, unsigned bits, int64_t rows,
                                     int64_t blocks) {
  uint64_t stride = getPackedBytes(blocks, bits);
  std::string text = readBytes(bytes, stride * rows);
  if (rows == 0 || blocks == 0 || text.size() != stride * rows)
    return std::nullopt;
  std::optional<int64_t> zero;
  for (int64_t row = 0; row < rows; ++row)
    for (char code :
         unpackIntegers(StringRef(text).substr(row * stride, stride), bits,
                        /*isUnsigned=*/true, blocks)) {
      if (zero && *zero != code)
        return std::nullopt;
      zero = code;
    }
  return zero;
}

/// How a matrix of `rows` of `blocks` is stored: codes, scales and zero points
/// are numbers of inputs.
struct BlockMatrix {
  int64_t rows, columns, blocks, size;
  unsigned bits;
  size_t codes, scales, zeros;
};

/// Zero points [rows, blocks], of i32 or, where they are floats, of those; null
/// with an error where they do not fit.
Value zeroPointsOf(NodeBuilder &n, const BlockMatrix &m, bool &areFloats) {
  auto type = RankedTensorType::get({m.rows, m.blocks}, n.b.getI32Type());
  areFloats = false;
  if (!n.has(m.zeros))
    return n.integer(type, int64_t(1) << (m.bits - 1));
  Value zeros = n.operand(m.zeros);
  int64_t count = typeOf(zeros).getNumElements();
  if (isFloat(n.dataType(m.zeros)) && count == m.rows * m.blocks) {
    areFloats = true;
    return n.reshape(n.widen(zeros), {m.rows, m.blocks});
  }
  int64_t stride = getPackedBytes(m.blocks, m.bits);
  if (n.dataType(m.zeros) != TensorProto::UINT8 || count != m.rows * stride) {
    (void)n.fail("its zero points do not fit its blocks");
    return nullptr;
  }
  if (auto zero = findZeroPoint(zeros, m.bits, m.rows, m.blocks))
    return n.integer(type, *zero);
  int64_t padded = stride * (8 / m.bits);
  Value codes = unpackBytes(n, zeros, m.bits, {m.rows, padded});
  codes = n.slice(codes, {0, 0}, {m.rows, m.blocks}, {1, 1});
  return n.cast(codes, TensorProto::UINT8, TensorProto::INT32);
}

/// [rows, blocks] as [rows, columns].
Value spreadBlocks(NodeBuilder &n, const BlockMatrix &m, Value values) {
  Value spread = n.broadcastTo(n.reshape(values, {m.rows, m.blocks, 1}),
                               {m.rows, m.blocks, m.size});
  spread = n.reshape(spread, {m.rows, m.blocks * m.size});
  return n.slice(spread, {0, 0}, {m.rows, m.columns}, {1, 1});
}

/// The matrix as floats of 32 bits; null with an error where its parts do not
/// fit.
Value dequantize(NodeBuilder &n, const BlockMatrix &m) {
  Value bytes = n.operand(m.codes), scales = n.operand(m.scales);
  int64_t stored = m.rows * m.blocks * m.size;
  if (n.dataType(m.codes) != TensorProto::UINT8 ||
      typeOf(bytes).getNumElements() !=
          int64_t(getPackedBytes(stored, m.bits)) ||
      !isFloat(n.dataType(m.scales)) ||
      typeOf(scales).getNumElements() != m.rows * m.blocks) {
    (void)n.fail("its matrix or its scales do not fit its sizes");
    return nullptr;
  }
  bool areFloats = false;
  Value zeros = zeroPointsOf(n, m, areFloats);
  if (!zeros)
    return nullptr;
  Value codes = unpackBytes(n, bytes, m.bits, {m.rows, m.blocks * m.size});
  codes = n.slice(codes, {0, 0}, {m.rows, m.columns}, {1, 1});
  codes = n.cast(codes, TensorProto::UINT8, TensorProto::INT32);
  Value scale =
      spreadBlocks(n, m, n.reshape(n.widen(scales), {m.rows, m.blocks}));
  Value spread = spreadBlocks(n, m, zeros);
  if (areFloats)
    return n.mul(
        n.sub(n.cast(codes, TensorProto::INT32, TensorProto::FLOAT), spread),
        scale);
  Value moved = arith::SubIOp::create(n.b, n.loc, codes, spread);
  return n.mul(n.cast(moved, TensorProto::INT32, TensorProto::FLOAT), scale);
}

std::optional<BlockMatrix> readSizes(NodeBuilder &n, int64_t rows,
                                     int64_t columns, int64_t bits,
                                     int64_t size) {
  if ((bits != 2 && bits != 4 && bits != 8) || size < 16 ||
      (size & (size - 1)) != 0 || rows <= 0 || columns <= 0) {
    (void)n.fail(
        "expected 2, 4 or 8 bits in blocks of 16, 32, 64, ..., but got "
        "matrices of " +
        Twine(rows) + " x " + Twine(columns) + " with " + Twine(bits) +
        " bits in blocks of " + Twine(size));
    return std::nullopt;
  }
  return BlockMatrix{rows,
                     columns,
                     int64_t(llvm::divideCeil(columns, size)),
                     size,
                     unsigned(bits),
                     0,
                     0,
                     0};
}

LogicalResult buildMatMulNBits(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  DataType type = n.dataType(0);
  if (!isFloat(type) || n.has(4))
    return n.fail("expected floats and no order of columns of its own");
  n.ignore("accuracy_level");
  n.ignore("weight_prepacked");
  auto m = readSizes(n, n.getInt("N", 0), n.getInt("K", 0), n.getInt("bits", 4),
                     n.getInt("block_size", 0));
  if (!m)
    return failure();
  m->codes = 1;
  m->scales = 2;
  m->zeros = 3;
  Value x = n.widen(n.operand(0));
  if (n.rankOf(x) == 0 || n.shapeOf(x).back() != m->columns)
    return n.fail("expected rows of " + Twine(m->columns) + " columns");
  Value matrix = dequantize(n, *m);
  if (!matrix)
    return failure();
  Extents shape(n.shapeOf(x));
  shape.back() = m->rows;
  int64_t count = llvm::product_of(n.shapeOf(x).drop_back());
  if (count == 0 || !n.elementOf(x).isF32())
    return n.fail("expected rows of floats of 16 or 32 bits");
  Value result =
      n.matmul({n.reshape(x, {count, m->columns})}, {matrix, true},
               RankedTensorType::get({count, m->rows}, n.elementOf(x)));
  result = n.reshape(result, shape);
  if (n.has(5)) {
    result =
        n.elementwise({{result, TensorProto::FLOAT}, n.widened(5)},
                      [&](ArrayRef<Value> v) { return n.add(v[0], v[1]); });
    if (!result || n.shapeOf(result) != Shape(shape))
      return n.fail("its bias does not fit its result");
  }
  return n.finish(n.narrow(result, type), type);
}

/// Rows of a matrix in blocks.
LogicalResult buildGatherBlocks(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  int64_t bits = n.getInt("bits", 4), size = n.getInt("block_size", 128);
  Shape shape = n.shapeOf(n.operand(0));
  int64_t axis = n.getInt("quantize_axis", 1);
  if (n.dataType(0) != TensorProto::UINT8 || shape.size() != 2 ||
      n.getInt("gather_axis", 0) != 0 || (axis != 1 && axis != -1))
    return n.fail("expected a matrix of bytes whose rows are gathered and cut "
                  "into blocks");
  if (!isInteger(n.dataType(1)) || (bits != 2 && bits != 4 && bits != 8))
    return n.fail("expected indices, and 2, 4 or 8 bits");
  auto m = readSizes(n, shape[0], shape[1] * (8 / bits), bits, size);
  if (!m)
    return failure();
  m->codes = 0;
  m->scales = 2;
  m->zeros = 3;
  DataType type = n.dataType(2);
  Value matrix = dequantize(n, *m);
  if (!matrix)
    return failure();
  Value ids = n.operand(1);
  Extents result(n.shapeOf(ids));
  result.push_back(m->columns);
  if (failed(n.checkShape(result)))
    return failure();
  int64_t rank = n.rankOf(ids), rows = m->rows;
  Value gathered = n.generate(
      result, n.elementOf(matrix), [&](TensorBuilder &b, ArrayRef<Value> at) {
        Value id = n.extract(b, ids, at.take_front(rank));
        Value row = toPlace(b, id, rows);
        return n.extract(b, matrix, {row, at.back()});
      });
  return n.finish(n.narrow(gathered, type), type);
}

} // namespace

void sterna::addBlockOps(OpTable &table) {
  table.add("MatMulNBits", buildMatMulNBits, microsoftDomain);
  table.add("GatherBlockQuantized", buildGatherBlocks, microsoftDomain);
}
