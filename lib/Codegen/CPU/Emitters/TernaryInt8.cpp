//===- TernaryInt8.cpp - Product of int8 tokens with a ternary matrix -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[m, n] = sum_g scale[n, g] * sum_k q[m, k] * trit[n, k] with the level's
// product of bytes. Its unsigned operand is the code, trit + 1, as stored, so
// the sum of q over the same columns is subtracted afterwards: all of that is
// exact in int32. A panel of 8 rows of weights is the 8 lanes of a register, so
// that no lanes are ever added across. Where products are added in pairs, their
// sums are kept in int16 for up to 64 additions, the most that cannot overflow
// (64 * 2 * 128 * 2 = 32768).
//
//===----------------------------------------------------------------------===//

#include "ByteVectors.h"
#include "Emitters.h"
#include "FloatProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

/// Columns of a block, and blocks whose sums fit int16: 4 additions each.
constexpr int64_t blockColumns = 16;
constexpr int64_t mostBlocks = 16;
constexpr int64_t blockBytes = 32;
/// Workgroups at most. Each call sums the tokens anew, so they are not small.
constexpr int64_t mostGroups = 16;
/// Stack for the sums of tokens.
constexpr int64_t mostSumBytes = 64 * 1024;

/// A matched kernel.
struct Int8Product {
  int64_t m = 0, n = 0, k = 0;
  unsigned left = 0, weight = 0, scale = 0;
  std::optional<int64_t> group;
  Epilogue epilogue;

  /// Tokens that a panel is multiplied with at a time, one register each.
  int64_t tokens = 0;
  /// Registers that each token's sums alternate between.
  int64_t ways = 1;
  /// Blocks from one flush of int16 sums to the next.
  int64_t chunkBlocks = 0;

  int64_t wholeBlocks() const { return k / blockColumns; }
  int64_t chunkColumns() const { return chunkBlocks * blockColumns; }
  /// Flushes per token, the one of a partial last block included.
  int64_t chunks() const {
    return llvm::divideCeil(wholeBlocks(), chunkBlocks) + hasTail();
  }
  bool hasTail() const { return k % blockColumns; }
  int64_t panelCount() const { return llvm::divideCeil(n, lanes); }
  int64_t groups() const { return std::min(panelCount(), mostGroups); }
  /// Sums of activations that a token needs: one, or one per flush.
  int64_t sumsPerToken() const { return group ? chunks() : 1; }

  static std::optional<Int8Product> match(plan::KernelOp kernel,
                                          const TargetInfo &target);
  void chooseTile(const TargetInfo &target);
};

std::optional<Int8Product> Int8Product::match(plan::KernelOp kernel,
                                              const TargetInfo &target) {
  auto root = findRoot<tern::MatmulOp>(kernel);
  if (!root)
    return std::nullopt;
  auto leftType = cast<RankedTensorType>(root.getLhs().getType());
  auto type = cast<RankedTensorType>(root.getResult().getType());
  auto scaleType = cast<ShapedType>(root.getScale().getType());
  std::optional<unsigned> left = getArgumentNumber(root.getLhs());
  std::optional<unsigned> weight = getArgumentNumber(root.getWeight());
  std::optional<unsigned> scale = getArgumentNumber(root.getScale());
  std::optional<Epilogue> epilogue = Epilogue::match(kernel, root);
  if (!left || !weight || !scale || !epilogue ||
      !leftType.getElementType().isInteger(8) || !leftType.hasStaticShape() ||
      !type.hasStaticShape() || !scaleType.getElementType().isF32() ||
      !isPackedInPanels(root.getWeight()))
    return std::nullopt;
  Int8Product product;
  product.m = type.getDimSize(0);
  product.n = type.getDimSize(1);
  product.k = leftType.getDimSize(1);
  product.left = *left;
  product.weight = *weight;
  product.scale = *scale;
  product.group = root.getGroup();
  product.epilogue = std::move(*epilogue);
  if (!product.m || !product.n || !product.k ||
      (product.group && *product.group % blockColumns))
    return std::nullopt;
  product.chooseTile(target);
  if (product.m * product.sumsPerToken() * 4 > mostSumBytes)
    return std::nullopt;
  return product;
}

void Int8Product::chooseTile(const TargetInfo &target) {
  // Half of the registers are sums; the others hold codes and activations. More
  // than one panel at a time would not read the weights as a single stream,
  // which takes half as long again. Tiles are even: the last is no small rest.
  int64_t mostTokens = target.registers / 2;
  tokens = llvm::divideCeil(m, llvm::divideCeil(m, mostTokens));
  // An instruction that adds to its result waits for the one before: with few
  // tokens, four in a row would.
  if (addsFours(target.byteProduct))
    ways = std::max<int64_t>(4 / llvm::PowerOf2Ceil(tokens), 1);
  chunkBlocks = addsFours(target.byteProduct)
                    ? std::max<int64_t>(wholeBlocks(), 1)
                    : mostBlocks;
  if (group)
    while ((*group / blockColumns) % chunkBlocks)
      --chunkBlocks;
}

class Emission {
public:
  Emission(KernelBuilder &k, const Int8Product &product,
           const TargetInfo &target, ValueRange buffers)
      : k(k), p(product), vectors(k, target), buffers(buffers),
        left(buffers[p.left]), weight(buffers[p.weight]),
        scale(buffers[p.scale]) {
    i8 = k.b.getI8Type();
    i32 = k.b.getI32Type();
    codeMask = k.intVector(3, blockBytes, 8);
    tokenSums = k.scratch({p.m, p.sumsPerToken()}, i32);
    sums = k.scratch({p.tokens, lanes}, p.group ? Type(k.b.getF32Type()) : i32);
    if (p.hasTail())
      tails = k.scratch({p.m, blockColumns}, i8);
  }

  /// Copies the last partial block of each token, padded with zeros, and adds
  /// up the activations whose sums will be subtracted.
  void emitTokenSums() {
    k.loop(p.m, [&](Value token) {
      if (p.hasTail())
        emitTail(token);
      int64_t whole = llvm::divideCeil(p.wholeBlocks(), p.chunkBlocks);
      Value zero = k.intVector(0, blockColumns, 32);
      if (!p.group) {
        Value sum =
            sumBlocks(token, k.index(0), k.index(p.wholeBlocks()), zero);
        if (p.hasTail())
          sum = addBlock(sum, tails, token, k.index(0));
        return storeSum(sum, token, k.index(0));
      }
      k.loop(k.index(0), k.index(whole), 1, [&](Value chunk) {
        Value first = k.mul(chunk, p.chunkBlocks);
        storeSum(sumBlocks(token, first, lastBlock(first), zero), token, chunk);
      });
      if (p.hasTail())
        storeSum(addBlock(zero, tails, token, k.index(0)), token,
                 k.index(whole));
    });
  }

  /// The product of all tokens with panel `panel`.
  void emitPanel(Value panel) {
    k.loop(k.index(0), k.index(p.m), p.tokens, [&](Value firstToken) {
      emitTile(panel, firstToken);
      Value rest = k.sub(k.index(p.m), firstToken);
      emitResult(panel, firstToken, k.min(rest, p.tokens));
    });
  }

private:
  Value lastBlock(Value first) {
    Value end = k.add(first, p.chunkBlocks);
    return p.wholeBlocks() % p.chunkBlocks ? k.min(end, p.wholeBlocks()) : end;
  }

  //===--- Sums of activations --------------------------------------------===//

  void emitTail(Value token) {
    int64_t start = p.wholeBlocks() * blockColumns, rest = p.k - start;
    Value zeros = k.intVector(0, blockColumns, 8);
    k.storeVector(zeros, tails, {token, k.index(0)});
    k.storeVector(k.loadVector(left, {token, k.index(start)}, rest), tails,
                  {token, k.index(0)});
  }

  Value sumBlocks(Value token, Value begin, Value end, Value sum) {
    return k.loop(begin, end, 1, sum, [&](Value block, ValueRange sums) {
      Value next = addBlock(sums[0], left, token, k.mul(block, blockColumns));
      return SmallVector<Value>{next};
    })[0];
  }

  Value addBlock(Value sum, Value tokens, Value token, Value column) {
    Value q = k.loadVector(tokens, {token, column}, blockColumns);
    q = arith::ExtSIOp::create(k.b, k.loc, sum.getType(), q);
    return arith::AddIOp::create(k.b, k.loc, sum, q);
  }

  void storeSum(Value sum, Value token, Value index) {
    Value total = vector::ReductionOp::create(k.b, k.loc,
                                              vector::CombiningKind::ADD, sum);
    k.store(total, tokenSums, {token, index});
  }

  //===--- The tile -------------------------------------------------------===//

  /// Leaves in `sums` the tile's int32 sums of code times activation, or with
  /// groups the scaled product.
  void emitTile(Value panel, Value firstToken) {
    SmallVector<Value> tokens;
    for (int64_t i = 0; i < p.tokens; ++i) {
      Value token = k.add(firstToken, i);
      // A token beyond the last is computed for nothing, from the last.
      tokens.push_back(p.m % p.tokens ? k.min(token, p.m - 1) : token);
    }
    k.loop(p.tokens, [&](Value row) {
      Value zero = p.group ? k.floatVector(0) : k.intVector(0, lanes, 32);
      k.storeVector(zero, sums, {row, k.index(0)});
    });
    int64_t blocks = llvm::divideCeil(p.k, blockColumns);
    Value bytes = k.mul(panel, blocks * blockBytes);
    SmallVector<Value> zeros(p.tokens * p.ways, vectors.zero());
    int64_t whole = llvm::divideCeil(p.wholeBlocks(), p.chunkBlocks);
    k.loop(k.index(0), k.index(whole), 1, [&](Value chunk) {
      Value first = k.mul(chunk, p.chunkBlocks);
      SmallVector<Value> parts =
          k.loop(first, lastBlock(first), 1, zeros,
                 [&](Value block, ValueRange parts) {
                   Value place = k.add(bytes, k.mul(block, blockBytes));
                   return emitBlock(place, left, tokens,
                                    k.mul(block, blockColumns), parts);
                 });
      flush(parts, panel, tokens, chunk, k.mul(first, blockColumns));
    });
    if (!p.hasTail())
      return;
    Value place = k.add(bytes, p.wholeBlocks() * blockBytes);
    flush(emitBlock(place, tails, tokens, k.index(0), zeros), panel, tokens,
          k.index(whole), k.index(p.wholeBlocks() * blockColumns));
  }

  /// Adds the products of the block of weights at byte `place` with 16
  /// activations from `column`: neighbouring columns of a row in each lane.
  SmallVector<Value> emitBlock(Value place, Value activations,
                               ArrayRef<Value> tokens, Value column,
                               ValueRange parts) {
    SmallVector<Value> next(parts.begin(), parts.end());
    Value packed = k.loadVector(weight, {place}, blockBytes);
    for (int64_t j = 0; j < 4; ++j) {
      Value codes = emitCodes(packed, 2 * j);
      for (auto [row, token] : llvm::enumerate(tokens)) {
        Value four = emitFour(activations, token, k.add(column, 4 * j));
        Value &sum = next[row * p.ways + j % p.ways];
        sum = vectors.multiplyAdd(sum, codes, four);
      }
    }
    return next;
  }

  /// Bits `shift` and `shift + 1` of each byte. Bytes have no shift of their
  /// own; what comes from the neighbour is masked off.
  Value emitCodes(Value bytes, int64_t shift) {
    if (shift) {
      Value words = k.bitcast(bytes, 16, 16);
      words =
          arith::ShRUIOp::create(k.b, k.loc, words, k.intVector(shift, 16, 16));
      bytes = k.bitcast(words, blockBytes, 8);
    }
    return arith::AndIOp::create(k.b, k.loc, bytes, codeMask);
  }

  /// Four activations of a token, repeated for each row of a panel.
  Value emitFour(Value activations, Value token, Value column) {
    Value bytes = k.loadVector(activations, {token, column}, 4);
    Value word =
        vector::ExtractOp::create(k.b, k.loc, k.bitcast(bytes, 1, 32), 0);
    return k.bitcast(k.splat(word), blockBytes, 8);
  }

  /// Adds the sums of a chunk that starts at `column` to the tile.
  void flush(ArrayRef<Value> parts, Value panel, ArrayRef<Value> tokens,
             Value chunk, Value column) {
    Value scales;
    if (p.group)
      scales = loadScales(panel, k.div(column, *p.group));
    for (int64_t row = 0; row < p.tokens; ++row) {
      SmallVector<Value> place{k.index(row), k.index(0)};
      Value part = parts[row * p.ways];
      for (int64_t way = 1; way < p.ways; ++way)
        part =
            arith::AddIOp::create(k.b, k.loc, part, parts[row * p.ways + way]);
      Value sum = vectors.widen(part);
      Value old = k.loadVector(sums, place);
      if (p.group)
        sum = k.fma(subtractTokenSum(sum, tokens[row], chunk), scales, old);
      else
        sum = arith::AddIOp::create(k.b, k.loc, old, sum);
      k.storeVector(sum, sums, place);
    }
  }

  /// The product of trits in f32, from that of codes.
  Value subtractTokenSum(Value sum, Value token, Value index) {
    Value ofToken = k.splat(k.load(tokenSums, {token, index}));
    Value exact = arith::SubIOp::create(k.b, k.loc, sum, ofToken);
    auto type = VectorType::get(lanes, k.b.getF32Type());
    return arith::SIToFPOp::create(k.b, k.loc, type, exact);
  }

  /// Scales of a panel's rows.
  Value loadScales(Value panel, Value group) {
    if (!p.group && cast<ShapedType>(scale.getType()).getDimSize(0) == 1)
      return k.splat(k.load(scale, k.index(0)));
    Value first = k.mul(panel, lanes);
    if (!p.group && p.n % lanes == 0)
      return k.loadVector(scale, {first});
    SmallVector<Value> elements;
    for (int64_t i = 0; i < lanes; ++i) {
      Value row = k.add(first, i);
      SmallVector<Value> indices{p.n % lanes ? k.min(row, p.n - 1) : row};
      if (p.group)
        indices.push_back(group);
      elements.push_back(k.load(scale, indices));
    }
    return vector::FromElementsOp::create(
        k.b, k.loc, VectorType::get(lanes, k.b.getF32Type()), elements);
  }

  //===--- Results --------------------------------------------------------===//

  void emitResult(Value panel, Value firstToken, Value count) {
    Value scales = p.group ? Value() : loadScales(panel, Value());
    k.loop(k.index(0), count, 1, [&](Value t) {
      Value token = k.add(firstToken, t);
      Value product = k.loadVector(sums, {t, k.index(0)});
      if (!p.group)
        product = arith::MulFOp::create(
            k.b, k.loc, subtractTokenSum(product, token, k.index(0)), scales);
      emitStore(product, token, k.mul(panel, lanes));
    });
  }

  void emitStore(Value product, Value token, Value column) {
    int64_t rest = p.n % lanes;
    auto store = [&](int64_t width) {
      p.epilogue.emit(k, buffers, k.resize(product, width), token, column);
    };
    if (!rest)
      return store(lanes);
    k.branch(
        k.equal(column, k.index(p.n - rest)), [&] { store(rest); },
        [&] { store(lanes); });
  }

  KernelBuilder &k;
  const Int8Product &p;
  ByteVectors vectors;
  ValueRange buffers;
  Value left, weight, scale;
  Type i8, i32;
  Value codeMask, tokenSums, sums, tails;
};

struct TernaryInt8 : KernelEmitter {
  StringRef getName() const override { return "ternary-int8"; }

  std::optional<int64_t> match(plan::KernelOp kernel,
                               const TargetInfo &target) const override {
    std::optional<Int8Product> product = Int8Product::match(kernel, target);
    if (!product)
      return std::nullopt;
    return product->groups();
  }

  void emit(plan::KernelOp kernel, const TargetInfo &target, OpBuilder &builder,
            ValueRange buffers, Value begin, Value end) const override {
    Int8Product product = *Int8Product::match(kernel, target);
    KernelBuilder k(builder, kernel.getLoc());
    Emission emission(k, product, target, buffers);
    emission.emitTokenSums();
    k.loop(k.share(begin, product.panelCount(), product.groups()),
           k.share(end, product.panelCount(), product.groups()), 1,
           [&](Value panel) { emission.emitPanel(panel); });
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createTernaryInt8Emitter() {
  return std::make_unique<TernaryInt8>();
}
