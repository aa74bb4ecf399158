//===- SentencePieceMerges.h - Scores as merges -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SentencePiece joins the neighbours whose piece has the highest score, BPE
// those whose pair comes first in a list. Turns one into the other.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_SENTENCEPIECEMERGES_H
#define STERNA_LIB_EXPORT_SENTENCEPIECEMERGES_H

#include "sterna/Import/Model.h"
#include "text/BytePairData.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// A byte-pair vocabulary that encodes as `tokenizer`, of the kind "llama",
/// does. Fails, naming tokens, where there is none.
llvm::Expected<BytePairData>
makeBytePairs(const TokenizerDescription &tokenizer);

/// The inverse: a vocabulary of the kind "llama" of which makeBytePairs gives
/// `data` back; none if there is none.
std::optional<TokenizerDescription> findSentencePiece(const BytePairData &data);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_SENTENCEPIECEMERGES_H
