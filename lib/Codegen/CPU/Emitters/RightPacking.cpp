//===- RightPacking.cpp - Brings a block of B to the tile's order ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RightPacking.h. Trits become floats by `code * s - s`, exact for the
// codes 0, 1 and 2, so that scaling costs nothing.
//
//===----------------------------------------------------------------------===//

#include "RightPacking.h"

#include "BlockCodes.h"
#include "TritCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

class Packer {
public:
  Packer(KernelBuilder &k, const FloatProduct &product, ValueRange buffers,
         const RightBlock &block)
      : k(k), product(product), block(block), right(buffers[product.right]),
        scale(product.isTernary() ? buffers[product.scale] : Value()) {
    if (product.blocks)
      blocks.emplace(k, product, buffers);
  }

  void pack() {
    switch (product.rightForm) {
    case RightForm::rows:
      return packRows();
    case RightForm::columns:
      return product.k < lanes ? packElements() : packColumns();
    case RightForm::tritsRows:
      return packTritsRows();
    case RightForm::tritsColumns:
      return packTritsColumns();
    }
  }

private:
  void store(Value vector, Value row, Value firstColumn) {
    k.storeVector(vector, block.scratch, {row, firstColumn});
  }

  /// Elements of a row of the stored matrix; blocks are loaded whole lanes at a
  /// time, of which their rows have no part.
  Value load(Value row, Value column, int64_t width = lanes) {
    if (blocks)
      return blocks->loadElements(row, column);
    return k.toF32(k.loadVector(right, {row, column}, width));
  }

  void packRows() {
    forEachRow([&](Value row) {
      Value source = k.add(block.firstRow, row);
      forEachVector(k, block.column, product.n, block.vectors,
                    [&](int64_t v, int64_t width) {
                      Value column = k.add(block.column, v * lanes);
                      store(k.resize(load(source, column, width), lanes), row,
                            k.index(v * lanes));
                    });
    });
  }

  /// Transposes 8 x 8 elements at a time. The last rows are done once more
  /// where K is not a multiple of 8, for that reads nothing beyond the matrix.
  void packColumns() {
    k.loop(block.vectors, [&](Value v) {
      Value column = k.mul(v, lanes);
      SmallVector<Value> sources;
      for (int64_t i = 0; i < lanes; ++i)
        sources.push_back(
            clamp(k.add(k.add(block.column, column), i), product.n));
      k.loop(k.index(0), block.rows, lanes, [&](Value row) {
        if (product.k % lanes)
          row = k.min(row, k.sub(block.rows, k.index(lanes)));
        Value source = k.add(block.firstRow, row);
        SmallVector<Value> vectors;
        for (Value n : sources)
          vectors.push_back(load(n, source));
        for (auto [i, vector] : llvm::enumerate(k.transpose(vectors)))
          store(vector, k.add(row, i), column);
      });
    });
  }

  /// For K below 8: one element after the other.
  void packElements() {
    k.loop(block.vectors * lanes, [&](Value column) {
      Value source = clamp(k.add(block.column, column), product.n);
      forEachRow([&](Value row) {
        Value x = k.load(right, {source, k.add(block.firstRow, row)});
        k.store(k.toF32(x), block.scratch, {row, column});
      });
    });
  }

  /// A block of a panel is 8 rows of B^T, one i32 lane with four bytes of each,
  /// by 16 or 20 rows of B.
  void packTritsRows() {
    tern::PanelAttr layout = product.layout;
    int64_t panels = llvm::divideCeil(product.n, layout.getRows());
    int64_t blocks = llvm::divideCeil(product.k, layout.getColumns());
    int64_t blockBytes = layout.getBlockBytes();
    k.loop(block.vectors, [&](Value v) {
      Value panel = clamp(k.add(k.div(block.column, lanes), v), panels);
      Value bytes = k.mul(panel, blocks * blockBytes);
      Value factor;
      if (!product.group)
        factor = rowScales(panel, Value());
      k.loop(k.index(0), block.rows, layout.getColumns(), [&](Value row) {
        Value source = k.add(block.firstRow, row);
        if (product.group)
          factor = rowScales(panel, k.div(source, *product.group));
        Value place = k.mul(k.div(source, layout.getColumns()), blockBytes);
        Value packed = k.loadVector(right, {k.add(bytes, place)}, blockBytes);
        TritCodes codes(k, layout, packed);
        for (int64_t first = 0; first < layout.getColumns(); first += 4) {
          Value quads = k.bitcast(codes.next(), lanes, 32);
          for (int64_t i = 0; i < 4; ++i)
            store(decode(byteOf(quads, i), factor), k.add(row, first + i),
                  k.mul(v, lanes));
        }
      });
    });
  }

  /// Byte `number` of each i32 lane.
  Value byteOf(Value words, int64_t number) {
    words = arith::ShRUIOp::create(k.b, k.loc, words,
                                   k.intVector(8 * number, lanes, 32));
    return arith::AndIOp::create(k.b, k.loc, words,
                                 k.intVector(255, lanes, 32));
  }

  /// Eight columns of a row of B are a vector.
  void packTritsColumns() {
    tern::PanelAttr layout = product.layout;
    int64_t blocks = llvm::divideCeil(product.n, layout.getColumns());
    SmallVector<TritColumns> columns;
    SmallVector<Value> groups;
    for (int64_t v = 0; v < block.vectors; ++v) {
      Value first = k.add(block.column, v * lanes);
      columns.emplace_back(k, layout, first, product.n);
      if (product.group)
        groups.push_back(k.div(clamp(first, product.n), *product.group));
    }
    forEachRow([&](Value row) {
      Value source = k.add(block.firstRow, row);
      Value panel = k.mul(k.div(source, layout.getRows()),
                          blocks * layout.getBlockBytes());
      Value start = k.add(panel, k.mul(k.rem(source, layout.getRows()), 4));
      Value factor;
      if (!product.group)
        factor = k.splat(
            k.toF32(k.load(scale, isScalePerRow() ? source : k.index(0))));
      for (int64_t v = 0; v < block.vectors; ++v) {
        if (product.group)
          factor = k.splat(k.toF32(k.load(scale, {source, groups[v]})));
        store(decode(columns[v].load(right, start), factor), row,
              k.index(v * lanes));
      }
    });
  }

  Value decode(Value code, Value factor) {
    Value number = arith::SIToFPOp::create(
        k.b, k.loc, VectorType::get(lanes, k.b.getF32Type()), code);
    return k.fma(number, factor, arith::NegFOp::create(k.b, k.loc, factor));
  }

  /// Scales of the 8 rows of a panel, in their group `group` if it has any.
  Value rowScales(Value panel, Value group) {
    if (!group && !isScalePerRow())
      return k.splat(k.toF32(k.load(scale, k.index(0))));
    Value first = k.mul(panel, lanes);
    if (!group && product.n % lanes == 0)
      return k.toF32(k.loadVector(scale, {first}));
    SmallVector<Value> elements;
    for (int64_t i = 0; i < lanes; ++i) {
      SmallVector<Value> indices{clamp(k.add(first, i), product.n)};
      if (group)
        indices.push_back(group);
      elements.push_back(k.toF32(k.load(scale, indices)));
    }
    return vector::FromElementsOp::create(
        k.b, k.loc, VectorType::get(lanes, k.b.getF32Type()), elements);
  }

  bool isScalePerRow() {
    return cast<ShapedType>(scale.getType()).getDimSize(0) != 1;
  }

  void forEachRow(llvm::function_ref<void(Value)> body) {
    k.loop(k.index(0), block.rows, 1, body);
  }

  /// An index that may lie beyond the end in the last tile only.
  Value clamp(Value index, int64_t count) {
    int64_t reach = block.vectors * lanes;
    bool exact = count % reach == 0 && count == product.n;
    return exact ? index : k.min(index, count - 1);
  }

  KernelBuilder &k;
  const FloatProduct &product;
  const RightBlock &block;
  Value right, scale;
  std::optional<BlockCodes> blocks;
};

} // namespace

void sterna::cpu::emitPacking(KernelBuilder &k, const FloatProduct &product,
                              ValueRange buffers, const RightBlock &block) {
  Packer(k, product, buffers, block).pack();
}

void sterna::cpu::forEachVector(
    KernelBuilder &k, Value column, int64_t columns, int64_t vectors,
    llvm::function_ref<void(int64_t, int64_t)> body) {
  int64_t reach = vectors * lanes, rest = columns % reach;
  auto full = [&] {
    for (int64_t v = 0; v < vectors; ++v)
      body(v, lanes);
  };
  auto partial = [&] {
    for (int64_t v = 0; v * lanes < rest; ++v)
      body(v, std::min(lanes, rest - v * lanes));
  };
  if (!rest)
    full();
  else if (columns < reach)
    partial();
  else
    k.branch(k.equal(column, k.index(columns - rest)), partial, full);
}
