//===- FloatMatmul.cpp - Tiled product of floats --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C[M, N] = sum_k A(m, k) * B(k, n), B possibly ternary (see Products.h).
// A workgroup owns a block of rows and one tile's width of columns of C. It
// walks along k in blocks: a block of B is packed into scratch that stays in
// the first-level cache, then a tile of C in registers at a time is updated
// from it. C is kept in scratch between blocks; the epilogue reads it at the
// end. Scratch has whole tiles, so that only packing and epilogue see the
// edges.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"
#include "Emitters.h"
#include "RightPacking.h"
#include "TritCodes.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

/// Bytes of a packed block of B, so that it leaves room in a cache of 32 KiB.
constexpr int64_t packedBytes = 24 * 1024;
/// Bytes of C that a workgroup accumulates.
constexpr int64_t accumulatorBytes = 32 * 1024;
/// Workgroups that allow a few threads an even share.
constexpr int64_t wantedGroups = 8;
/// Rows below which packing B for a workgroup costs more than it saves.
constexpr int64_t leastRows = 24;

/// How a product is cut.
struct Tiling {
  /// Tile of C in registers: rows by vectors of 8 columns, which lie in
  /// registers of `registerLanes`.
  int64_t rows = 0, vectors = 0, registerLanes = lanes;
  int64_t columnTiles = 0, rowBlocks = 0;
  /// Rows of C of a workgroup, a multiple of `rows`.
  int64_t blockRows = 0;
  /// Rows of B in a packed block, a multiple of depthUnit(); the
  /// last block may have up to 7 more, so that none has fewer than 8.
  int64_t depth = 0, depthBlocks = 0;

  int64_t width() const { return vectors * lanes; }
  /// Registers of a row of the tile.
  int64_t registers() const { return width() / registerLanes; }
};

/// Rows and registers of a row of a tile.
using TileShape = std::pair<int64_t, int64_t>;

/// Large tiles have 8 to 12 accumulators, enough to hide the latency of two
/// multiply-add units, and need at most 15 of 16 registers: with all 16 in use
/// (4 x 3) a scale kept for packing made the loop spill, at half the speed.
ArrayRef<TileShape> getTileShapes(const TargetInfo &target) {
  static constexpr TileShape small[] = {{2, 2}, {4, 1}, {1, 4}};
  static constexpr TileShape large[] = {{6, 2},  {5, 2}, {4, 2},  {3, 3},
                                        {2, 5},  {2, 4}, {12, 1}, {8, 1},
                                        {1, 12}, {1, 8}};
  static constexpr TileShape huge[] = {{8, 3}, {6, 4},  {12, 2}, {8, 2},
                                       {4, 5}, {3, 6},  {2, 8},  {16, 1},
                                       {8, 1}, {1, 12}, {1, 8}};
  if (target.registers < 16)
    return small;
  return target.registers < 32 ? ArrayRef(large) : ArrayRef(huge);
}

/// The tile with the least work: multiply-adds count twice, loads and the three
/// instructions of the loop itself once.
void chooseTile(Tiling &tiling, int64_t m, int64_t n,
                const TargetInfo &target) {
  int64_t best = 0;
  tiling.registerLanes = n > lanes ? target.vectorLanes : lanes;
  for (auto [rows, registers] : getTileShapes(target)) {
    // Where the last tile is not full, each row needs an address of its own.
    if (rows > 8 && m % rows)
      continue;
    int64_t width = registers * tiling.registerLanes;
    int64_t count = llvm::divideCeil(m, rows) * llvm::divideCeil(n, width);
    int64_t cost = count * (2 * rows * registers + rows + registers + 3);
    if (best && cost >= best)
      continue;
    best = cost;
    tiling.rows = rows;
    tiling.vectors = width / lanes;
  }
}

Tiling chooseTiling(const FloatProduct &product, const TargetInfo &target) {
  Tiling t;
  chooseTile(t, product.m, product.n, target);
  t.columnTiles = llvm::divideCeil(product.n, t.width());
  int64_t most = accumulatorBytes / (4 * t.width());
  int64_t wanted = llvm::divideCeil(
      product.m, llvm::divideCeil(wantedGroups, t.columnTiles));
  int64_t rows = std::min(most, std::max(wanted, leastRows));
  // Even blocks: the last one is not a small rest.
  rows = llvm::divideCeil(product.m, llvm::divideCeil(product.m, rows));
  t.blockRows = llvm::alignTo(rows, t.rows);
  t.rowBlocks = llvm::divideCeil(product.m, t.blockRows);
  int64_t unit = depthUnit(product);
  t.depth = packedBytes / (4 * t.width()) / unit * unit;
  t.depthBlocks = product.k < lanes
                      ? 1
                      : llvm::divideCeil(product.k - (lanes - 1), t.depth);
  return t;
}

class Emission {
public:
  Emission(KernelBuilder &k, const FloatProduct &product, const Tiling &tiling,
           ValueRange buffers)
      : k(k), product(product), buffers(buffers), t(tiling),
        left(buffers[product.left]) {
    Type f32 = k.b.getF32Type();
    int64_t packedRows = llvm::alignTo(std::min(product.k, t.depth + lanes - 1),
                                       depthUnit(product));
    packed = k.scratch({packedRows, t.width()}, f32);
    sums = k.scratch({singlePass() ? t.rows : t.blockRows, t.width()}, f32);
  }

  void emitWorkgroup(Value group) {
    Value column = k.mul(k.rem(group, t.columnTiles), t.width());
    Value firstRow = k.mul(k.div(group, t.columnTiles), t.blockRows);
    Value rows = k.min(k.sub(k.index(product.m), firstRow), t.blockRows);
    if (singlePass())
      return emitSinglePass(firstRow, rows, column);
    emitInit(firstRow, rows, column);
    k.loop(t.depthBlocks, [&](Value block) {
      Value depth = k.mul(block, t.depth);
      Value count = depthOf(block, depth);
      emitPacking(k, product, buffers,
                  {depth, count, column, t.vectors, packed});
      k.loop(k.index(0), rows, t.rows, [&](Value row) {
        emitTile(k.add(firstRow, row), row, depth, count);
      });
    });
    emitResult(firstRow, rows, column);
  }

private:
  /// Whether one block of B is all of it, so that each tile of C is finished at
  /// once.
  bool singlePass() const { return t.depthBlocks == 1 && !product.accumulated; }

  void emitSinglePass(Value firstRow, Value rows, Value column) {
    Value depth = k.index(0), count = k.index(product.k);
    emitPacking(k, product, buffers, {depth, count, column, t.vectors, packed});
    k.loop(k.index(0), rows, t.rows, [&](Value row) {
      Value tileRow = k.add(firstRow, row);
      emitTile(tileRow, Value(), depth, count);
      emitResult(tileRow, k.min(k.sub(rows, row), t.rows), column);
    });
  }

  /// Rows of B in a block that starts at `depth`.
  Value depthOf(Value block, Value depth) {
    int64_t last = product.k - (t.depthBlocks - 1) * t.depth;
    if (last == t.depth || t.depthBlocks == 1)
      return k.index(last);
    // The last block may be longer than the others as well as shorter.
    Value rest = k.sub(k.index(product.k), depth);
    if (last < t.depth)
      return k.min(rest, t.depth);
    Value isLast = k.equal(block, k.index(t.depthBlocks - 1));
    return k.select(isLast, rest, k.index(t.depth));
  }

  void emitInit(Value firstRow, Value rows, Value column) {
    k.loop(t.blockRows, [&](Value row) {
      for (int64_t v = 0; v < t.vectors; ++v)
        k.storeVector(k.floatVector(0), sums, {row, k.index(v * lanes)});
    });
    if (!product.accumulated)
      return;
    forEachElement(rows, column, [&](Value row, int64_t v, int64_t width) {
      Value x =
          k.loadVector(buffers[*product.accumulated],
                       {k.add(firstRow, row), k.add(column, v * lanes)}, width);
      k.storeVector(x, sums, {row, k.index(v * lanes)});
    });
  }

  void emitResult(Value firstRow, Value rows, Value column) {
    forEachElement(rows, column, [&](Value row, int64_t v, int64_t width) {
      Value sum = k.loadVector(sums, {row, k.index(v * lanes)}, width);
      emitEpilogue(k, product.epilogue, buffers, sum, k.add(firstRow, row),
                   k.add(column, v * lanes));
    });
  }

  void forEachElement(Value rows, Value column,
                      llvm::function_ref<void(Value, int64_t, int64_t)> body) {
    k.loop(k.index(0), rows, 1, [&](Value row) {
      forEachVector(k, column, product.n, t.vectors,
                    [&](int64_t v, int64_t width) { body(row, v, width); });
    });
  }

  /// Adds the product of a block to the tile of C from `firstRow` whose sums
  /// start at row `row` of the scratch; without a row, the tile starts at zero
  /// and is left in row 0.
  void emitTile(Value firstRow, Value row, Value depth, Value count) {
    SmallVector<Value> start, leftRows;
    for (int64_t i = 0; i < t.rows; ++i) {
      Value source = k.add(firstRow, i);
      // Rows beyond the last are computed for nothing, from the last.
      leftRows.push_back(product.m % t.rows ? k.min(source, product.m - 1)
                                            : source);
      for (int64_t r = 0; r < t.registers(); ++r)
        start.push_back(row ? k.loadVector(sums, {k.add(row, i), columnOf(r)},
                                           t.registerLanes)
                            : k.floatVector(0, t.registerLanes));
    }
    SmallVector<Value> end =
        k.loop(k.index(0), count, 1, start, [&](Value step, ValueRange sums) {
          return emitStep(leftRows, k.add(depth, step), step, sums);
        });
    for (int64_t i = 0; i < t.rows; ++i)
      for (int64_t r = 0; r < t.registers(); ++r)
        k.storeVector(end[i * t.registers() + r], sums,
                      {row ? k.add(row, i) : k.index(i), columnOf(r)});
  }

  /// One rank-1 update of the tile.
  SmallVector<Value> emitStep(ArrayRef<Value> leftRows, Value source,
                              Value step, ValueRange sums) {
    SmallVector<Value> right, next;
    for (int64_t r = 0; r < t.registers(); ++r)
      right.push_back(
          k.loadVector(packed, {step, columnOf(r)}, t.registerLanes));
    for (int64_t i = 0; i < t.rows; ++i) {
      SmallVector<Value> indices{leftRows[i], source};
      if (product.leftTransposed)
        std::swap(indices[0], indices[1]);
      Value x = k.splat(k.toF32(k.load(left, indices)), t.registerLanes);
      for (int64_t r = 0; r < t.registers(); ++r)
        next.push_back(k.fma(x, right[r], sums[i * t.registers() + r]));
    }
    return next;
  }

  /// Column of the tile at which register `number` of a row starts.
  Value columnOf(int64_t number) { return k.index(number * t.registerLanes); }

  KernelBuilder &k;
  const FloatProduct &product;
  ValueRange buffers;
  const Tiling &t;
  Value left, packed, sums;
};

class MatmulPlan : public KernelPlan {
public:
  MatmulPlan(FloatProduct product, const TargetInfo &target)
      : product(std::move(product)),
        tiling(chooseTiling(this->product, target)) {}

  int64_t getWorkgroups() const override {
    return tiling.columnTiles * tiling.rowBlocks;
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, product, tiling, buffers);
    k.loop(begin, end, 1, [&](Value group) { emission.emitWorkgroup(group); });
  }

private:
  FloatProduct product;
  Tiling tiling;
};

struct FloatMatmul : KernelEmitter {
  StringRef getName() const override { return "float-matmul"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &target) const override {
    std::optional<FloatProduct> product = FloatProduct::match(kernel);
    if (!product ||
        (product->isTernary() && !isReadable(product->layout, product->group)))
      return nullptr;
    return std::make_unique<MatmulPlan>(std::move(*product), target);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createFloatMatmulEmitter() {
  return std::make_unique<FloatMatmul>();
}
