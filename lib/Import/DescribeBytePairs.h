//===- DescribeBytePairs.h - Byte-pair vocabularies of models ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What importers make of a byte-pair vocabulary, whatever format it came in.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_DESCRIBEBYTEPAIRS_H
#define STERNA_LIB_IMPORT_DESCRIBEBYTEPAIRS_H

#include "sterna/Import/Model.h"
#include "text/BytePairData.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Describes `data`. Fails where the runtime's tokenizer refuses it, where it
/// has more tokens than the embedding has `rows`, and where texts end with EOS.
llvm::Expected<TokenizerDescription> describeBytePairs(BytePairData data,
                                                       int64_t rows);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_DESCRIBEBYTEPAIRS_H
