//===- TritCodes.h - Codes in packed bytes ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place where emitters learn what packed bytes (#tern.panel) hold, so
// that a product is written once for all layouts.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_TRITCODES_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_TRITCODES_H

#include "KernelBuilder.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <optional>

namespace sterna::cpu {

/// Whether the emitters read `layout`, panels of 8 rows, with scales for groups
/// of `group` columns, if there are groups: none of 16 columns may lie in two.
/// Blocks of 20 would, and AssignLayouts gives them to no matrix that has
/// groups.
inline bool isReadable(tern::PanelAttr layout,
                       std::optional<int64_t> group = {}) {
  return layout.getRows() == 8 &&
         (!group || (layout.getColumns() == 16 && *group % 16 == 0));
}

/// The codes, trit + 1, in the bytes of blocks: those of columns 0 to 3 of each
/// row first, then 4 to 7, and so on. For 32 bytes that is 7 instructions and
/// 128 codes with two bits each, 28 and 160 in base 3.
///
/// In base 3 a byte is a state s from which a digit comes by 256 * digit =
/// 3 * s - s', with the next state s' = 3 * s modulo 256: in signed bytes the
/// digit is the trit, in unsigned ones, s + 128, the code. So a sum of digits
/// times anything is made of two sums of states, without a digit.
class TritCodes {
public:
  /// `bytes` is a vector of i8.
  TritCodes(KernelBuilder &k, tern::PanelAttr layout, mlir::Value bytes)
      : k(k), layout(layout), bytes(bytes) {}

  /// The next code of each byte, as i8. There are `layout.getTritsPerByte()`.
  mlir::Value next();

  /// In base 3: the states from the first, of codes or of trits, to that after
  /// the last digit.
  llvm::SmallVector<mlir::Value> states(bool ofCodes);

private:
  mlir::Value nextTwoBits();
  mlir::Value nextBase3();
  mlir::Value timesThree(mlir::Value states);

  KernelBuilder &k;
  tern::PanelAttr layout;
  mlir::Value bytes;
  int64_t digit = 0;
};

/// The codes of columns `column` to `column + 7`, a multiple of 8, in any row
/// of a matrix of `numColumns`: two groups of four bytes, each with a digit of
/// its own. Columns beyond the last block give any codes. Built outside of the
/// loop over rows.
class TritColumns {
public:
  TritColumns(KernelBuilder &k, tern::PanelAttr layout, mlir::Value column,
              int64_t numColumns);

  /// The codes as 8 x i32, from the bytes of `weight` where the row's bytes of
  /// the panel's first block begin.
  mlir::Value load(mlir::Value weight, mlir::Value rowStart);

private:
  mlir::Value laneShifts();
  mlir::Value quadOf(mlir::Value low, mlir::Value high);

  KernelBuilder &k;
  tern::PanelAttr layout;
  mlir::Value offsets[2];
  /// Of each lane: two bits, where its code is in the word; base 3, the power
  /// of three of its digit.
  mlir::Value digits;
};

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_TRITCODES_H
