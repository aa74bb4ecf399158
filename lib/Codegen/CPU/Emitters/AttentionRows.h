//===- AttentionRows.h - Steps of attention on a block of rows ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention and its gradient share. A row is one query head of one token:
// the rows of a key-value head are numbered token * G + query head. Steps work
// on a block of rows at a time, so that keys and values are read from the cache
// by all of them, and only on the columns that the block's last row sees. A sum
// always has the same order, whatever the block: a token's result is the same
// bits in a prompt and alone.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_ATTENTIONROWS_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_ATTENTIONROWS_H

#include "KernelBuilder.h"
#include "sterna/Codegen/CPU/KernelEmitter.h"
#include "sterna/Codegen/Kernels/Attention.h"
#include "llvm/Support/MathExtras.h"

namespace sterna::cpu {

/// Attention and how it is cut.
struct AttentionShape : kernels::Attention {
  /// Rows of a block.
  int64_t blockRows = 0;
  /// Lanes of the vectors along the width and along columns.
  int64_t vectorLanes = 0;
  int64_t registers = 0;

  AttentionShape(const kernels::Attention &attention, const TargetInfo &target);

  int64_t rowBlocks() const { return llvm::divideCeil(rows(), blockRows); }
  int64_t alignedWidth() const { return llvm::alignTo(width, vectorLanes); }
  int64_t alignedColumns() const { return llvm::alignTo(columns, vectorLanes); }
};

/// Rows [first, first + count) of a key-value head of a batch element. They see
/// no columns but [begin, bound); `begin` is the start of a vector of them.
struct RowBlock {
  mlir::Value batch, head, first, count, begin, bound;
};

/// Builds the steps. Scratch of a block is f32, [rows, aligned width] with
/// zeros behind the width, or [rows, aligned columns]. Steps compute whole
/// tiles of rows: those of a block beyond its count hold nothing of use.
class AttentionRows {
public:
  AttentionRows(KernelBuilder &k, const AttentionShape &shape,
                mlir::ValueRange buffers);

  /// The block that starts at row `first`. Its steps follow at once: segments
  /// and scales of its columns are copied.
  RowBlock block(mlir::Value batch, mlir::Value head, mlir::Value first);

  mlir::Value wideScratch();
  mlir::Value columnScratch();

  /// Copies the block's rows of `source`, which is shaped as the queries.
  void copyRows(const RowBlock &block, mlir::Value source, mlir::Value scratch);
  /// Stores row `row` of `scratch` times `factor` in `target`.
  void storeRow(const RowBlock &block, mlir::Value row, mlir::Value scratch,
                mlir::Value factor, mlir::Value target);

  /// out[r, c] = sum_d x[r, d] * matrix[c, d] for the block's columns.
  void products(const RowBlock &block, mlir::Value x, mlir::Value matrix,
                mlir::Value out);
  /// Replaces row `row` of products x by exp(scale * (x - max)), zero in the
  /// columns that it does not see, and returns 1 / their sum, 0 where it sees
  /// none. Where keys and values are codes, x is multiplied by the scales of
  /// keys first, and what replaces it by those of values.
  mlir::Value exponentials(const RowBlock &block, mlir::Value row,
                           mlir::Value products);
  /// out[r, d] = sum_c weights[r, c] * matrix[c, d].
  void weightedRows(const RowBlock &block, mlir::Value weights,
                    mlir::Value matrix, mlir::Value out);
  /// matrix[c, d] += sum_r weights[r, c] * x[r, d].
  void addWeightedColumns(const RowBlock &block, mlir::Value weights,
                          mlir::Value x, mlir::Value matrix);
  /// matrix[c, d] = 0 for all columns of the head.
  void clear(mlir::Value batch, mlir::Value head, mlir::Value matrix);

private:
  /// Elements of vector number `vector` along D: the last may be partial.
  int64_t widthAt(int64_t vector) const {
    return std::min(shape.vectorLanes,
                    shape.width - vector * shape.vectorLanes);
  }
  /// Vectors along D.
  int64_t vectors() const { return shape.alignedWidth() / shape.vectorLanes; }
  /// Rows or columns that share a tile, and vectors of it.
  struct TileSize {
    int64_t items, vectors;
  };
  /// That with the most products for each load which registers have room for;
  /// `count` items are cut without a rest.
  TileSize tileOf(int64_t count) const;
  /// Rows of scratch or columns of a matrix, and at most `vectors` vectors of
  /// them from number `firstVector`, that are summed in registers.
  struct Tile {
    llvm::ArrayRef<mlir::Value> items;
    int64_t firstVector, vectors;
    bool isOfColumns;
  };
  /// Adds weighted columns [begin, end) of `matrix` to a tile of `rows`, or
  /// weighted rows to a tile of columns.
  void addToTile(const RowBlock &block, mlir::Value weights, mlir::Value rows,
                 mlir::Value matrix, const Tile &tile, mlir::Value begin,
                 mlir::Value end);
  mlir::Value at(int64_t vector) { return k.index(vector * shape.vectorLanes); }

  /// Indices at `d` of a row in queries, and of a column in keys.
  llvm::SmallVector<mlir::Value> rowIndices(const RowBlock &block,
                                            mlir::Value row, int64_t d);
  llvm::SmallVector<mlir::Value>
  columnIndices(const RowBlock &block, mlir::Value column, mlir::Value d);
  /// A vector of `width` elements, filled with zeros.
  mlir::Value loadPadded(mlir::Value memref, mlir::ValueRange indices,
                         int64_t width);
  /// The columns that a row sees are in [lower, bound), where `lower` is null
  /// for 0, and have the segment `segment`, if that is not null.
  struct Sight {
    mlir::Value lower, bound, segment;
  };
  Sight sightOf(const RowBlock &block, mlir::Value row);
  /// One more than the position of a row's token, 0 for a negative one.
  mlir::Value endOf(mlir::Value row);
  /// The first column within the window of a row.
  mlir::Value lowerOf(mlir::Value row);
  void copySegments(mlir::Value batch);
  /// A vector that is true in the lanes from `column` that a row sees.
  mlir::Value visible(mlir::Value column, const Sight &sight);
  /// Whether a row sees no column; `seen` is what it saw, lane by lane.
  mlir::Value isBlind(const Sight &sight, mlir::Value seen);

  /// The sums of products of rows of `x` with 8 columns, after elements
  /// [d, d + width): those of the first row, then of the next.
  llvm::SmallVector<mlir::Value>
  addProducts(const RowBlock &block, mlir::Value x,
              llvm::ArrayRef<mlir::Value> rows, mlir::Value matrix,
              llvm::ArrayRef<mlir::Value> columns, mlir::Value d, int64_t width,
              mlir::ValueRange sums);
  /// products() for the 8 columns from `first` and all rows.
  void productsOfEight(const RowBlock &block, mlir::Value x, mlir::Value matrix,
                       mlir::Value first, mlir::Value out);

  KernelBuilder &k;
  const AttentionShape &shape;
  /// Copies what the block's rows of a head have to be multiplied by.
  void copyScales(const RowBlock &block, mlir::Value source,
                  mlir::Value scratch);

  mlir::Value start, querySegments, keySegments, segments;
  /// Scales of keys and of values, and those of a head, column by column; null
  /// unless keys and values are codes.
  mlir::Value keyScales, valueScales, headKeyScales, headValueScales;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_ATTENTIONROWS_H
