//===- FloatRows.h - Rows of a table, checked -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the packers of tables share: reading rows, rounding to half, and errors
// that say which row cannot be packed.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_WEIGHTS_FLOATROWS_H
#define STERNA_LIB_WEIGHTS_FLOATROWS_H

#include "sterna/Weights/WeightSource.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Calls `visit(row, values)` for each row in order, until it fails.
llvm::Error visitRows(
    const WeightSource &weight,
    llvm::function_ref<llvm::Error(int64_t, llvm::ArrayRef<float>)> visit);

/// Says that row `row` of `source` holds `value`, and what the `problem` is.
llvm::Error refuseValue(tern::FileSourceAttr source, int64_t row, float value,
                        const char *problem);

/// Fails if one of `values`, which are of row `row`, is an infinity or NaN.
llvm::Error checkFinite(tern::FileSourceAttr source, int64_t row,
                        llvm::ArrayRef<float> values);

/// `value` in `semantics`, to nearest, ties to even.
llvm::APFloat roundTo(const llvm::fltSemantics &semantics, float value);

} // namespace sterna

#endif // STERNA_LIB_WEIGHTS_FLOATROWS_H
