//===- TernaryGradient.cpp - Integer gradients times a ternary matrix -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[m, k] = step[m] * sum_n q[m, n] * trit[n, k], the sum exact in int32. A
// block of weights is unpacked once for many tokens, in the order in which the
// level's instruction adds products: neighbouring rows n of a column side by
// side. Then a tile of C in registers at a time is updated from it. There are
// three routes to equal integers:
//   - words: int16 times trits, pairs of rows added in int32;
//   - bytes: int8 times codes (trit + 1), fours of rows added in int32 or
//     int16; the sum of q, the same for all columns, is subtracted at the end;
//   - two bytes: int16 as 256 * high + low, both by the route of bytes.
//
//===----------------------------------------------------------------------===//

#include "ByteVectors.h"
#include "EmitEpilogue.h"
#include "Emitters.h"
#include "RightPacking.h"
#include "TritCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "sterna/Codegen/Kernels/Products.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

constexpr int64_t panelRows = 8;
/// A block of weights with two bits each.
constexpr int64_t blockColumns = 16;
constexpr int64_t blockBytes = 32;
/// Bytes of unpacked weights, so that they leave room in a cache of 32 KiB.
constexpr int64_t unpackedBytes = 24 * 1024;
/// Bytes of sums that a workgroup keeps.
constexpr int64_t sumBytes = 32 * 1024;
/// Additions of pairs of products of bytes that int16 holds.
constexpr int64_t mostAdditions = 64;
/// Workgroups of a block of tokens: each sums up the tokens anew.
constexpr int64_t mostStrips = 16;

/// How a level multiplies.
struct Route {
  /// Rows of weights whose products an instruction adds up.
  int64_t fold;
  /// Parts of an integer, the high byte first.
  int64_t parts;
  /// Trits as words of 16 bits, or codes as bytes.
  bool words;
};

Route chooseRoute(bool isInt8, ByteProduct product) {
  if (isInt8)
    return {4, 1, false};
  // Two products of bytes take fours at once; a product of words one.
  if (product == ByteProduct::neonDotprod || product == ByteProduct::neonI8mm)
    return {4, 2, false};
  return {wordsFolded(product), 1, true};
}

/// A product and how it is cut.
struct GradientCut : GradientProduct {
  Route route{};

  /// Tile of C in registers: tokens by vectors of `vectorLanes` columns.
  int64_t tokens = 0, vectors = 0, vectorLanes = lanes;
  int64_t columnTiles = 0, strips = 0;
  /// Tokens of a workgroup, a multiple of `tokens`.
  int64_t blockTokens = 0, tokenBlocks = 0;
  /// Rows of weights unpacked at a time, a multiple of a panel's.
  int64_t depth = 0, depthBlocks = 0;

  int64_t width() const { return vectors * vectorLanes; }
  /// Whether q is copied, in parts and padded, before it is multiplied.
  bool copies() const { return route.parts > 1 || n % route.fold; }

  GradientCut(GradientProduct product, const TargetInfo &target)
      : GradientProduct(std::move(product)),
        route(chooseRoute(isInt8, target.byteProduct)) {
    chooseTile(target);
    cut(target.byteProduct);
  }

private:
  void chooseTile(const TargetInfo &target);
  void cut(ByteProduct product);
};

/// The tile with the least work that leaves registers for weights, a gradient
/// and a product: multiply-adds count twice, loads and the three instructions
/// of the loop itself once.
void GradientCut::chooseTile(const TargetInfo &target) {
  int64_t best = 0, usable = target.registers - target.registers / 16;
  vectorLanes = target.vectorLanes;
  for (int64_t v : {1, 2, 4}) {
    int64_t width = v * vectorLanes;
    if (width % blockColumns)
      continue;
    for (int64_t rows = 1; rows * v + v + 2 <= usable; ++rows) {
      // Where the last tile is not full, each row needs an address of its own.
      if (rows > 6 && m % rows)
        continue;
      int64_t count = llvm::divideCeil(m, rows) * llvm::divideCeil(k, width);
      int64_t cost = count * (2 * rows * v + rows + v + 3);
      if (best && cost >= best)
        continue;
      best = cost;
      tokens = rows;
      vectors = v;
    }
  }
}

void GradientCut::cut(ByteProduct product) {
  columnTiles = llvm::divideCeil(k, width());
  strips = std::min(columnTiles, mostStrips);
  int64_t most = sumBytes / (4 * width());
  // Even blocks: the last one is not a small rest.
  blockTokens = llvm::divideCeil(m, llvm::divideCeil(m, most));
  blockTokens = llvm::alignTo(blockTokens, tokens);
  tokenBlocks = llvm::divideCeil(m, blockTokens);
  int64_t rows = unpackedBytes / (width() * (route.words ? 2 : 1));
  if (!route.words && !addsFours(product))
    rows = std::min(rows, mostAdditions * route.fold);
  depth = llvm::divideCeil(n, llvm::divideCeil(n, rows));
  depth = llvm::alignTo(depth, panelRows);
  depthBlocks = llvm::divideCeil(n, depth);
}

class Emission {
public:
  Emission(KernelBuilder &k, const GradientCut &product,
           const TargetInfo &target, ValueRange buffers)
      : k(k), p(product), vectors(k, target, product.vectorLanes),
        buffers(buffers), left(buffers[p.left]) {
    Type i32 = k.b.getI32Type();
    part = k.b.getIntegerType(p.route.words ? 16 : 8);
    unpacked =
        k.scratch({p.depth / p.route.fold, p.width() * p.route.fold}, part);
    sums = k.scratch({p.blockTokens, p.width()}, i32);
    if (!p.route.words)
      tokenSums = k.scratch({p.blockTokens}, i32);
    if (p.copies())
      copies = k.scratch({p.route.parts * p.tokens, p.depth}, part);
  }

  void emitWorkgroup(Value group) {
    Value strip = k.rem(group, p.strips);
    firstToken = k.mul(k.div(group, p.strips), p.blockTokens);
    count = k.min(k.sub(k.index(p.m), firstToken), p.blockTokens);
    if (!p.route.words)
      emitTokenSums();
    k.loop(k.share(strip, p.columnTiles, p.strips),
           k.share(k.add(strip, 1), p.columnTiles, p.strips), 1,
           [&](Value tile) { emitColumns(k.mul(tile, p.width())); });
  }

private:
  void emitTokenSums() {
    Type i32 = k.b.getI32Type();
    k.loop(k.index(0), count, 1, [&](Value row) {
      Value zero = arith::ConstantIntOp::create(k.b, k.loc, 0, 32);
      SmallVector<Value> sum = k.loop(
          k.index(0), k.index(p.n), 1, zero, [&](Value n, ValueRange sums) {
            Value q = arith::ExtSIOp::create(
                k.b, k.loc, i32, k.load(left, {k.add(firstToken, row), n}));
            return SmallVector<Value>{k.add(sums[0], q)};
          });
      k.store(sum[0], tokenSums, row);
    });
  }

  /// All tokens of the workgroup, and a tile's width of columns.
  void emitColumns(Value column) {
    k.loop(p.blockTokens, [&](Value row) {
      for (int64_t v = 0; v < p.vectors; ++v)
        k.storeVector(k.intVector(0, p.vectorLanes, 32), sums,
                      {row, columnOf(v)});
    });
    k.loop(p.depthBlocks, [&](Value block) {
      Value first = k.mul(block, p.depth);
      Value rows = k.min(k.sub(k.index(p.n), first), p.depth);
      emitUnpacking(first, rows, column);
      k.loop(k.index(0), count, p.tokens,
             [&](Value row) { emitTile(row, first, rows); });
    });
    emitResult(column);
  }

  //===--- Weights --------------------------------------------------------===//

  /// Unpacks rows [first, first + rows), rounded up to whole panels.
  void emitUnpacking(Value first, Value rows, Value column) {
    if (p.layout.isBase3())
      return emitBase3Unpacking(first, rows, column);
    int64_t blocks = llvm::divideCeil(p.k, blockColumns);
    int64_t tileBlocks = p.width() / blockColumns;
    k.loop(k.index(0), rows, panelRows, [&](Value row) {
      Value panel = k.div(k.add(first, row), panelRows);
      for (int64_t b = 0; b < tileBlocks; ++b) {
        Value block = k.add(k.div(column, blockColumns), b);
        if (blocks % tileBlocks) // of the last tile, any will do
          block = k.min(block, blocks - 1);
        Value place = k.mul(k.add(k.mul(panel, blocks), block), blockBytes);
        emitBlock(k.loadVector(buffers[p.weight], {place}, blockBytes),
                  k.div(row, p.route.fold), b * blockColumns);
      }
    });
  }

  /// Blocks of base 3 do not lie as tiles do: a row's columns are taken by
  /// eights, then joined with those of the rows that an instruction adds up.
  void emitBase3Unpacking(Value first, Value rows, Value column) {
    int64_t fold = p.route.fold;
    int64_t panelBytes =
        llvm::divideCeil(p.k, p.layout.getColumns()) * p.layout.getBlockBytes();
    for (int64_t at = 0; at < p.width(); at += lanes) {
      TritColumns columns(k, p.layout, k.add(column, at), p.k);
      k.loop(k.index(0), rows, panelRows, [&](Value row) {
        Value start = k.mul(k.div(k.add(first, row), panelRows), panelBytes);
        for (int64_t r = 0; r < panelRows; r += fold) {
          Value codes = emitJoined(columns, k.add(start, 4 * r));
          k.storeVector(
              p.route.words ? emitTrits(codes) : codes, unpacked,
              {k.add(k.div(row, fold), r / fold), k.index(at * fold)});
        }
      });
    }
  }

  /// The codes of `fold` rows from byte `start`, side by side for each column.
  Value emitJoined(TritColumns &columns, Value start) {
    Value joined;
    for (int64_t row = 0; row < p.route.fold; ++row) {
      Value codes = columns.load(buffers[p.weight], k.add(start, 4 * row));
      codes = arith::TruncIOp::create(
          k.b, k.loc, VectorType::get(lanes, k.b.getI8Type()), codes);
      joined = row ? emitInterleaved(joined, codes, row) : codes;
    }
    return joined;
  }

  /// `codes` after each `count` elements of `joined`.
  Value emitInterleaved(Value joined, Value codes, int64_t count) {
    SmallVector<int64_t> mask;
    for (int64_t column = 0; column < lanes; ++column) {
      for (int64_t i = 0; i < count; ++i)
        mask.push_back(column * count + i);
      mask.push_back(lanes * count + column);
    }
    return vector::ShuffleOp::create(k.b, k.loc, joined, codes, mask);
  }

  /// Byte 4 r + c of a block holds row r and columns c, 4 + c, 8 + c, 12 + c.
  void emitBlock(Value packed, Value place, int64_t firstColumn) {
    int64_t fold = p.route.fold;
    TritCodes blockCodes(k, p.layout, packed);
    for (int64_t half = 0; half < blockColumns / lanes; ++half) {
      Value low = blockCodes.next(), high = blockCodes.next();
      for (int64_t i = 0; i < panelRows / fold; ++i) {
        SmallVector<int64_t> mask;
        for (int64_t column = 0; column < lanes; ++column)
          for (int64_t row = i * fold; row < (i + 1) * fold; ++row)
            mask.push_back(blockBytes * (column / 4) + 4 * row + column % 4);
        Value codes = vector::ShuffleOp::create(k.b, k.loc, low, high, mask);
        k.storeVector(
            p.route.words ? emitTrits(codes) : codes, unpacked,
            {k.add(place, i), k.index((firstColumn + half * lanes) * fold)});
      }
    }
  }

  Value emitTrits(Value codes) {
    int64_t width = lanes * p.route.fold;
    Value trits =
        arith::SubIOp::create(k.b, k.loc, codes, k.intVector(1, width, 8));
    return arith::ExtSIOp::create(k.b, k.loc, VectorType::get(width, part),
                                  trits);
  }

  //===--- The tile -------------------------------------------------------===//

  /// Adds to the sums from `row` the products with rows [first, first + rows).
  void emitTile(Value row, Value first, Value rows) {
    SmallVector<Value> sources;
    for (int64_t i = 0; i < p.tokens; ++i) {
      Value token = k.add(k.add(firstToken, row), i);
      // A token beyond the last is computed for nothing, from the last.
      sources.push_back(p.m % p.tokens ? k.min(token, p.m - 1) : token);
    }
    Value groups = k.div(rows, p.route.fold);
    if (p.copies()) {
      groups = k.div(k.add(rows, p.route.fold - 1), p.route.fold);
      for (int64_t i = 0; i < p.tokens; ++i)
        emitCopy(sources[i], i, first, rows);
    }
    SmallVector<Value> parts(p.tokens * p.vectors, vectorZero());
    for (int64_t i = 0; i < p.route.parts; ++i) {
      if (i > 0)
        for (Value &high : parts)
          high = arith::ShLIOp::create(k.b, k.loc, high,
                                       k.intVector(8, p.vectorLanes, 32));
      parts = k.loop(k.index(0), groups, 1, parts,
                     [&](Value group, ValueRange parts) {
                       return emitGroup(sources, first, group, i, parts);
                     });
    }
    for (int64_t i = 0; i < p.tokens; ++i)
      for (int64_t v = 0; v < p.vectors; ++v)
        flush(parts[i * p.vectors + v], k.add(row, i), v);
  }

  Value vectorZero() {
    return p.route.words ? k.intVector(0, p.vectorLanes, 32) : vectors.zero();
  }

  /// Column of the tile at which vector `v` starts.
  Value columnOf(int64_t v) { return k.index(v * p.vectorLanes); }

  /// Copies a token's q in parts, padded with zeros to whole groups, to row `i`
  /// of each part.
  void emitCopy(Value token, int64_t i, Value first, Value rows) {
    k.loop(k.index(0), rows, 1, [&](Value n) {
      Value q = k.load(left, {token, k.add(first, n)});
      SmallVector<Value> parts{q};
      if (p.route.parts == 2)
        parts = splitBytes(q);
      for (int64_t j = 0; j < p.route.parts; ++j)
        k.store(parts[j], copies, {k.index(j * p.tokens + i), n});
    });
    Value zero =
        arith::ConstantOp::create(k.b, k.loc, k.b.getIntegerAttr(part, 0));
    int64_t padding = llvm::alignTo(p.n, p.route.fold) - p.n;
    // The last block alone may be shorter than `depth`.
    Value end = k.min(k.add(rows, padding), p.depth);
    k.loop(rows, end, 1, [&](Value n) {
      for (int64_t j = 0; j < p.route.parts; ++j)
        k.store(zero, copies, {k.index(j * p.tokens + i), n});
    });
  }

  /// High and low byte: q = 256 * high + low, both signed.
  SmallVector<Value> splitBytes(Value q) {
    Type i8 = k.b.getI8Type(), i16 = k.b.getI16Type();
    Value low = arith::TruncIOp::create(k.b, k.loc, i8, q);
    Value rest = k.sub(q, arith::ExtSIOp::create(k.b, k.loc, i16, low));
    Value eight = arith::ConstantIntOp::create(k.b, k.loc, 8, 16);
    Value high = arith::ShRSIOp::create(k.b, k.loc, rest, eight);
    return {arith::TruncIOp::create(k.b, k.loc, i8, high), low};
  }

  /// Adds the products of one group of rows, of part `part` of q.
  SmallVector<Value> emitGroup(ArrayRef<Value> sources, Value first,
                               Value group, int64_t part, ValueRange sums) {
    int64_t fold = p.route.fold;
    SmallVector<Value> weights, next;
    for (int64_t v = 0; v < p.vectors; ++v)
      weights.push_back(k.loadVector(
          unpacked, {group, k.mul(columnOf(v), fold)}, p.vectorLanes * fold));
    Value n = k.mul(group, fold);
    for (auto [i, token] : llvm::enumerate(sources)) {
      Value q = p.copies()
                    ? emitRepeated(copies, k.index(part * p.tokens + i), n)
                    : emitRepeated(left, token, k.add(first, n));
      for (int64_t v = 0; v < p.vectors; ++v) {
        Value sum = sums[i * p.vectors + v];
        next.push_back(p.route.words
                           ? vectors.multiplyAddWords(sum, weights[v], q)
                           : vectors.multiplyAdd(sum, weights[v], q));
      }
    }
    return next;
  }

  /// The integers that meet a group of rows, repeated for each column.
  Value emitRepeated(Value memref, Value row, Value n) {
    int64_t fold = p.route.fold;
    unsigned bits = p.route.words ? 16 : 8;
    Value few = k.loadVector(memref, {row, n}, fold);
    Value whole = vector::ExtractOp::create(
        k.b, k.loc, k.bitcast(few, 1, bits * unsigned(fold)), 0);
    return k.bitcast(k.splat(whole, p.vectorLanes), p.vectorLanes * fold, bits);
  }

  void flush(Value part, Value row, int64_t v) {
    SmallVector<Value> place{row, columnOf(v)};
    Value sum = p.route.words ? part : vectors.widen(part);
    Value old = k.loadVector(sums, place, p.vectorLanes);
    k.storeVector(arith::AddIOp::create(k.b, k.loc, old, sum), sums, place);
  }

  //===--- Results --------------------------------------------------------===//

  void emitResult(Value column) {
    k.loop(k.index(0), count, 1, [&](Value row) {
      Value token = k.add(firstToken, row);
      Value step = k.load(buffers[p.step], token);
      forEachVector(
          k, column, p.k, p.width() / lanes, [&](int64_t v, int64_t width) {
            Value sum = k.loadVector(sums, {row, k.index(v * lanes)}, width);
            if (!p.route.words)
              sum = arith::SubIOp::create(
                  k.b, k.loc, sum, k.splat(k.load(tokenSums, row), width));
            Value product = arith::SIToFPOp::create(
                k.b, k.loc, VectorType::get(width, k.b.getF32Type()), sum);
            product = arith::MulFOp::create(k.b, k.loc, product,
                                            k.splat(step, width));
            emitEpilogue(k, p.epilogue, buffers, product, token,
                         k.add(column, v * lanes));
          });
    });
  }

  KernelBuilder &k;
  const GradientCut &p;
  ByteVectors vectors;
  ValueRange buffers;
  Value left;
  /// Element type of what is multiplied.
  Type part;
  Value unpacked, sums, tokenSums, copies;
  /// The tokens of the workgroup.
  Value firstToken, count;
};

class GradientPlan : public KernelPlan {
public:
  GradientPlan(GradientProduct product, const TargetInfo &target)
      : product(std::move(product), target), target(target) {}

  int64_t getWorkgroups() const override {
    return product.tokenBlocks * product.strips;
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, product, target, buffers);
    k.loop(begin, end, 1, [&](Value group) { emission.emitWorkgroup(group); });
  }

private:
  GradientCut product;
  TargetInfo target;
};

struct TernaryGradient : KernelEmitter {
  StringRef getName() const override { return "ternary-gradient"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<GradientProduct> product = GradientProduct::match(kernel);
    if (!product || !isReadable(product->layout))
      return nullptr;
    return std::make_unique<GradientPlan>(std::move(*product), target);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createTernaryGradientEmitter() {
  return std::make_unique<TernaryGradient>();
}
