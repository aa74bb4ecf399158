//===- TokenTile.h - Activations of a few tokens ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The int8 activations that a ternary product multiplies at a time, copied to
// scratch in the order in which it reads them: four neighbouring columns of
// each token, then the next four. So a product reads one stream, whatever the
// distance of the tokens: rows a power of two apart would share the few lines
// of a set of the cache.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_TOKENTILE_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_TOKENTILE_H

#include "ByteVectors.h"

namespace sterna::cpu {

class TokenTile {
public:
  /// Room for `tokens` of the rows of `activations`, an i8 memref [M, K].
  /// Columns up to `readColumns` can be read, those from K on are zeros. They
  /// are added up over every `sumColumns` columns, a multiple of 16.
  TokenTile(KernelBuilder &k, const TargetInfo &target, mlir::Value activations,
            int64_t tokens, int64_t readColumns, int64_t sumColumns);

  /// Copies the tokens from `firstToken` and adds them up. Beyond the last
  /// token, the last is taken again.
  void fill(mlir::Value firstToken);

  /// The activations of a token of the tile in columns 4 * quad to 4 * quad +
  /// 3, the same four i8 in each of `width` lanes.
  mlir::Value four(mlir::Value quad, int64_t token, int64_t width);

  /// The same columns of the tile's first eight tokens, of which there is more
  /// than one: four i8 of a token in each lane.
  mlir::Value eight(mlir::Value quad);

  /// Sum number `number` of a token's activations, i32.
  mlir::Value sum(mlir::Value token, mlir::Value number);

private:
  void copyColumns(mlir::Value source, mlir::ArrayRef<mlir::Value> tokens,
                   mlir::Value from, mlir::Value part, mlir::Value quad);
  void copyTail(mlir::ArrayRef<mlir::Value> tokens, mlir::Value part,
                int64_t from);
  void addUp(mlir::Value part);
  mlir::Value sumOfToken(mlir::Value begin, mlir::Value end);
  mlir::Value sumsOfEight(mlir::Value part, mlir::Value begin, mlir::Value end);
  /// The byte of `packed` at which a token's four activations start.
  mlir::Value place(mlir::Value quad, mlir::Value token);

  int64_t blocks() const;
  int64_t sumCount() const;

  KernelBuilder &k;
  ByteVectors vectors;
  mlir::Value activations;
  int64_t m, columns, copiedColumns;
  /// Tokens for which there is room: 1 or a multiple of 8.
  int64_t room;
  /// Whether no tile has a token beyond the last.
  bool isExact;
  int64_t sumBlocks;
  mlir::Value packed, sums, tails;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_TOKENTILE_H
