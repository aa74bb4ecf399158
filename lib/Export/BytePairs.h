//===- BytePairs.h - A description's byte pairs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What importers make of a vocabulary, as the facts that it was made from.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_BYTEPAIRS_H
#define STERNA_LIB_EXPORT_BYTEPAIRS_H

#include "sterna/Import/Model.h"
#include "text/BytePairData.h"

namespace sterna {

/// The facts of `tokenizer`, which is of the kind "bpe".
BytePairData getBytePairs(const TokenizerDescription &tokenizer);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_BYTEPAIRS_H
