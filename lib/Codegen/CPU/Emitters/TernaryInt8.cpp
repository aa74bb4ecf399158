//===- TernaryInt8.cpp - Product of int8 tokens with a ternary matrix -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[m, n] = sum_g scale[n, g] * sum_k q[m, k] * trit[n, k] with the level's
// product of bytes. Its unsigned operand is the code, trit + 1, as stored, so
// the sum of q over the same columns is subtracted afterwards: all of that is
// exact in int32. A panel of 8 rows of weights is 8 lanes of a register, so
// that no lanes are ever added across. Where products are added in pairs, their
// sums are kept in int16 for up to 64 additions, the most that cannot overflow
// (64 * 2 * 128 * 2 = 32768). One token meets bytes of base 3 undecoded
// where the level adds fours (TritCodes.h).
//
// A call copies a tile of tokens (TokenTile.h), then multiplies it with each of
// its panels: tokens are copied once a call, weights are read once a tile.
//
//===----------------------------------------------------------------------===//

#include "ByteMatrices.h"
#include "ByteVectors.h"
#include "EmitEpilogue.h"
#include "Emitters.h"
#include "TokenTile.h"
#include "TritCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "sterna/Codegen/Kernels/Products.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

/// Additions that fit int16.
constexpr int64_t mostAdditions = 64;
/// Bytes of weights that a single token asks for ahead: hardware does so only
/// within a page of 4 KiB.
constexpr int64_t prefetchBytes = 4096;
/// Workgroups at most. Each call copies the tokens anew, so they are not small.
constexpr int64_t mostGroups = 16;
/// Columns whose products with states of base 3 (TritCodes.h) fit int32: each
/// adds up to 2 * 128 * 256.
constexpr int64_t mostColumnsOfStates = (int64_t(1) << 15) - 1;
/// Scratch memory for a tile of tokens.
constexpr int64_t mostTileBytes = 1024 * 1024;

/// A product and how it is cut.
struct Int8Cut : Int8Product {
  /// Tokens that panels are multiplied with at a time, a register each.
  int64_t tokens = 0;
  /// Panels at a time, side by side in a register.
  int64_t panels = 1;
  /// Two rows are multiplied with two tokens at once.
  bool matrices = false;
  /// A token is multiplied with states of base 3: two products a digit, which
  /// take less than the digit does.
  bool states = false;
  /// Registers that each token's sums alternate between.
  int64_t ways = 1;
  /// Blocks from one flush of the registers to the next.
  int64_t chunkBlocks = 0;

  /// Columns and bytes of a block of a panel.
  int64_t blockColumns() const { return layout.getColumns(); }
  int64_t blockBytes() const { return layout.getBlockBytes(); }
  /// Blocks of a row, the last possibly partial.
  int64_t blocks() const { return llvm::divideCeil(k, blockColumns()); }
  int64_t panelCount() const { return llvm::divideCeil(n, lanes); }
  /// Rows of weights at a time, and how often that is.
  int64_t rows() const { return panels * lanes; }
  int64_t stepCount() const { return llvm::divideCeil(n, rows()); }
  int64_t groups() const { return std::min(stepCount(), mostGroups); }

  Int8Cut(Int8Product product, const TargetInfo &target)
      : Int8Product(std::move(product)) {
    chooseTile(target);
  }

private:
  void chooseTile(const TargetInfo &target);
};

void Int8Cut::chooseTile(const TargetInfo &target) {
  // Half of the registers are sums; the others hold codes and activations.
  // Tiles are even: the last is no small rest.
  int64_t mostTokens = target.registers / 2;
  tokens = llvm::divideCeil(m, llvm::divideCeil(m, mostTokens));
  // One token is multiplied as fast as a single stream of weights comes, and
  // two panels at a time would be two: they take up to twice as long.
  if (tokens > 1)
    panels = target.vectorLanes / lanes;
  // A matrix has two groups of four columns: five of a byte make no pairs.
  matrices = target.byteProduct == ByteProduct::neonI8mm && tokens > 1 &&
             layout.getTritsPerByte() % 2 == 0;
  if (matrices)
    tokens = llvm::alignTo(tokens, 2);
  // An instruction that adds to its result waits for the one before: with few
  // tokens, four in a row would.
  if (addsFours(target.byteProduct) && !matrices)
    ways = std::max<int64_t>(4 / llvm::PowerOf2Ceil(tokens), 1);
  states = tokens == 1 && addsFours(target.byteProduct) && layout.isBase3() &&
           k <= mostColumnsOfStates;
  chunkBlocks = addsFours(target.byteProduct)
                    ? blocks()
                    : mostAdditions / layout.getTritsPerByte();
  if (group)
    while ((*group / blockColumns()) % chunkBlocks)
      --chunkBlocks;
}

class Emission {
public:
  Emission(KernelBuilder &k, const Int8Cut &product, const TargetInfo &target,
           ValueRange buffers)
      : k(k), p(product), vectors(k, target, p.rows()), matrices(k),
        ofCodes(!isSigned(target.byteProduct)), buffers(buffers),
        weight(buffers[p.weight]), scale(buffers[p.scale]),
        tile(k, target, buffers[p.left], p.tokens,
             p.blocks() * p.blockColumns(),
             p.group ? p.chunkBlocks * p.blockColumns()
                     : llvm::alignTo(p.k, 16)) {
    Type element = p.group ? Type(k.b.getF32Type()) : k.b.getI32Type();
    sums = k.scratch({p.tokens, p.rows()}, element);
  }

  /// The product of all tokens with steps [begin, end) of panels.
  void emitSteps(Value begin, Value end) {
    k.loop(k.index(0), k.index(p.m), p.tokens, [&](Value firstToken) {
      tile.fill(firstToken);
      Value count = k.min(k.sub(k.index(p.m), firstToken), p.tokens);
      k.loop(begin, end, 1, [&](Value step) {
        emitTile(step);
        emitResult(step, firstToken, count);
      });
    });
  }

private:
  //===--- The tile -------------------------------------------------------===//

  /// Leaves in `sums` the tile's int32 sums of code times activation, or with
  /// groups the scaled product.
  void emitTile(Value step) {
    k.loop(p.tokens, [&](Value row) {
      Value zero =
          p.group ? k.floatVector(0, p.rows()) : k.intVector(0, p.rows(), 32);
      k.storeVector(zero, sums, {row, k.index(0)});
    });
    SmallVector<Value> places;
    for (int64_t i = 0; i < p.panels; ++i) {
      Value panel = k.add(k.mul(step, p.panels), i);
      // A panel beyond the last is multiplied for nothing, from the last.
      if (p.panelCount() % p.panels)
        panel = k.min(panel, p.panelCount() - 1);
      places.push_back(k.mul(panel, p.blocks() * p.blockBytes()));
    }
    SmallVector<Value> zeros(p.tokens * p.ways * (p.states ? 2 : 1),
                             vectors.zero());
    if (p.matrices)
      zeros = matrices.zeros(p.tokens);
    k.loop(llvm::divideCeil(p.blocks(), p.chunkBlocks), [&](Value chunk) {
      Value first = k.mul(chunk, p.chunkBlocks);
      Value end = k.add(first, p.chunkBlocks);
      if (p.blocks() % p.chunkBlocks)
        end = k.min(end, p.blocks());
      SmallVector<Value> parts =
          k.loop(first, end, 1, zeros, [&](Value block, ValueRange parts) {
            return emitBlock(places, block, parts);
          });
      flush(parts, step, chunk, k.mul(first, p.blockColumns()));
    });
  }

  /// Adds the products of block `block` of the panels that start at bytes
  /// `places`: four neighbouring columns of a row in each lane.
  SmallVector<Value> emitBlock(ArrayRef<Value> places, Value block,
                               ValueRange parts) {
    SmallVector<Value> next(parts.begin(), parts.end());
    Value offset = k.mul(block, p.blockBytes());
    TritCodes blockCodes(k, p.layout, loadBlocks(places, offset));
    if (p.m == 1)
      k.prefetch(weight, k.add(k.add(places[0], offset), prefetchBytes));
    if (p.matrices)
      return emitMatrices(blockCodes, block, std::move(next));
    if (p.states)
      return emitStates(blockCodes, block, std::move(next));
    int64_t quads = p.layout.getTritsPerByte();
    for (int64_t j = 0; j < quads; ++j) {
      Value codes = blockCodes.next();
      Value quad = k.add(k.mul(block, quads), j);
      for (int64_t token = 0; token < p.tokens; ++token) {
        Value &sum = next[token * p.ways + j % p.ways];
        sum = vectors.multiplyAdd(sum, codes, tile.four(quad, token, p.rows()));
      }
    }
    return next;
  }

  /// The same where rows and tokens are multiplied as matrices.
  SmallVector<Value> emitMatrices(TritCodes &codes, Value block,
                                  SmallVector<Value> parts) {
    int64_t quads = p.layout.getTritsPerByte();
    for (int64_t j = 0; j < quads; j += 2) {
      Value quad = k.add(k.mul(block, quads), j);
      Value first = codes.next(), second = codes.next();
      matrices.multiplyAdd(parts, {first, second},
                           {tile.eight(quad), tile.eight(k.add(quad, 1))});
    }
    return parts;
  }

  /// The same of one token with states in place of codes: the sums of states,
  /// then of the states that follow them.
  SmallVector<Value> emitStates(TritCodes &codes, Value block,
                                SmallVector<Value> parts) {
    SmallVector<Value> states = codes.states(ofCodes);
    int64_t quads = p.layout.getTritsPerByte();
    for (int64_t j = 0; j < quads; ++j) {
      Value bytes = tile.four(k.add(k.mul(block, quads), j), 0, p.rows());
      for (int64_t next : {0, 1}) {
        Value &sum = parts[next * p.ways + j % p.ways];
        sum = vectors.multiplyAdd(sum, states[j + next], bytes);
      }
    }
    return parts;
  }

  /// The sums of digits, from those of states: 256 * digit = 3 * s - s'.
  SmallVector<Value> perDigit(ArrayRef<Value> parts) {
    size_t count = parts.size() / 2;
    SmallVector<Value> sums;
    for (auto [state, next] :
         llvm::zip_equal(parts.take_front(count), parts.drop_front(count))) {
      Value three = arith::MulIOp::create(k.b, k.loc, state,
                                          k.intVector(3, p.rows(), 32));
      sums.push_back(arith::SubIOp::create(k.b, k.loc, three, next));
    }
    return sums;
  }

  /// A block of each panel, side by side.
  Value loadBlocks(ArrayRef<Value> places, Value offset) {
    int64_t bytes = p.blockBytes();
    Value first = k.loadVector(weight, {k.add(places[0], offset)}, bytes);
    if (places.size() == 1)
      return first;
    Value second = k.loadVector(weight, {k.add(places[1], offset)}, bytes);
    return vector::ShuffleOp::create(
        k.b, k.loc, first, second,
        llvm::to_vector(llvm::seq<int64_t>(0, 2 * bytes)));
  }

  /// Adds the sums of a chunk that starts at `column` to the tile.
  void flush(SmallVector<Value> parts, Value step, Value chunk, Value column) {
    if (p.matrices)
      parts = matrices.perToken(parts);
    if (p.states)
      parts = perDigit(parts);
    Value scales;
    if (p.group)
      scales = loadScales(step, k.div(column, *p.group));
    for (int64_t token = 0; token < p.tokens; ++token) {
      SmallVector<Value> place{k.index(token), k.index(0)};
      Value part = parts[token * p.ways];
      for (int64_t way = 1; way < p.ways; ++way)
        part = arith::AddIOp::create(k.b, k.loc, part,
                                     parts[token * p.ways + way]);
      Value sum = vectors.widen(part);
      if (p.states)
        sum = arith::ShRSIOp::create(k.b, k.loc, sum,
                                     k.intVector(8, p.rows(), 32));
      Value old = k.loadVector(sums, place, p.rows());
      if (p.group)
        sum = k.fma(subtractTokenSum(sum, k.index(token), chunk), scales, old);
      else
        sum = arith::AddIOp::create(k.b, k.loc, old, sum);
      k.storeVector(sum, sums, place);
    }
  }

  /// The product of trits in f32, from that of codes or of signed states.
  Value subtractTokenSum(Value sum, Value token, Value number) {
    if (!p.states || ofCodes) {
      Value ofToken = k.splat(tile.sum(token, number), p.rows());
      sum = arith::SubIOp::create(k.b, k.loc, sum, ofToken);
    }
    auto type = VectorType::get(p.rows(), k.b.getF32Type());
    return arith::SIToFPOp::create(k.b, k.loc, type, sum);
  }

  /// Scales of the rows of a step.
  Value loadScales(Value step, Value group) {
    if (!p.group && cast<ShapedType>(scale.getType()).getDimSize(0) == 1)
      return k.splat(k.load(scale, k.index(0)), p.rows());
    Value first = k.mul(step, p.rows());
    if (!p.group && p.n % p.rows() == 0)
      return k.loadVector(scale, {first}, p.rows());
    SmallVector<Value> elements;
    for (int64_t i = 0; i < p.rows(); ++i) {
      Value row = k.add(first, i);
      SmallVector<Value> indices{p.n % p.rows() ? k.min(row, p.n - 1) : row};
      if (p.group)
        indices.push_back(group);
      elements.push_back(k.load(scale, indices));
    }
    return vector::FromElementsOp::create(
        k.b, k.loc, VectorType::get(p.rows(), k.b.getF32Type()), elements);
  }

  //===--- Results --------------------------------------------------------===//

  void emitResult(Value step, Value firstToken, Value count) {
    Value scales = p.group ? Value() : loadScales(step, Value());
    k.loop(k.index(0), count, 1, [&](Value token) {
      Value product = k.loadVector(sums, {token, k.index(0)}, p.rows());
      if (!p.group)
        product = arith::MulFOp::create(
            k.b, k.loc, subtractTokenSum(product, token, k.index(0)), scales);
      emitStore(product, k.add(firstToken, token), k.mul(step, p.rows()));
    });
  }

  void emitStore(Value product, Value token, Value column) {
    int64_t rest = p.n % p.rows();
    auto store = [&](int64_t width) {
      emitEpilogue(k, p.epilogue, buffers, k.resize(product, width), token,
                   column);
    };
    if (!rest)
      return store(p.rows());
    k.branch(
        k.equal(column, k.index(p.n - rest)), [&] { store(rest); },
        [&] { store(p.rows()); });
  }

  KernelBuilder &k;
  const Int8Cut &p;
  ByteVectors vectors;
  ByteMatrices matrices;
  /// Whether states are those of codes, not of trits.
  bool ofCodes;
  ValueRange buffers;
  Value weight, scale;
  TokenTile tile;
  Value sums;
};

class Int8Plan : public KernelPlan {
public:
  Int8Plan(const Int8Cut &product, const TargetInfo &target)
      : product(product), target(target) {}

  int64_t getWorkgroups() const override { return product.groups(); }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission(k, product, target, buffers)
        .emitSteps(k.share(begin, product.stepCount(), product.groups()),
                   k.share(end, product.stepCount(), product.groups()));
  }

private:
  Int8Cut product;
  TargetInfo target;
};

struct TernaryInt8 : KernelEmitter {
  StringRef getName() const override { return "ternary-int8"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<Int8Product> product = Int8Product::match(kernel);
    if (!product || !isReadable(product->layout, product->group))
      return nullptr;
    Int8Cut cut(std::move(*product), target);
    if (cut.tokens * cut.k > mostTileBytes)
      return nullptr;
    return std::make_unique<Int8Plan>(cut, target);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createTernaryInt8Emitter() {
  return std::make_unique<TernaryInt8>();
}
