//===- DescribeTokenizer.cpp - A vocabulary as an attribute ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts the vocabulary into the IR, as resources.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/Model.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace sterna;

/// A resource called `name` of one dimension.
template <typename T>
static DenseResourceElementsAttr resource(StringRef name, Type element,
                                          ArrayRef<T> values) {
  auto type = RankedTensorType::get(int64_t(values.size()), element);
  return DenseResourceElementsAttr::get(
      type, name, HeapAsmResourceBlob::allocateAndCopyInferAlign(values));
}

tern::TokenizerAttr
sterna::describeTokenizer(MLIRContext *context,
                          const TokenizerDescription &tokenizer) {
  Builder b(context);
  std::string pieces;
  std::vector<int32_t> lengths;
  for (const std::string &piece : tokenizer.pieces) {
    pieces += piece;
    lengths.push_back(int32_t(piece.size()));
  }
  ArrayRef<char> bytePairs(tokenizer.bytePairs.data(),
                           tokenizer.bytePairs.size());
  return tern::TokenizerAttr::get(
      context, tokenizer.model,
      resource("token_pieces", b.getI8Type(),
               ArrayRef<char>(pieces.data(), pieces.size())),
      resource("token_lengths", b.getI32Type(), ArrayRef(lengths)),
      resource("token_scores", b.getF32Type(), ArrayRef(tokenizer.scores)),
      resource("token_types", b.getI32Type(), ArrayRef(tokenizer.types)),
      bytePairs.empty()
          ? DenseResourceElementsAttr()
          : resource("token_byte_pairs", b.getI8Type(), bytePairs),
      tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad,
      tokenizer.addBos, tokenizer.addSpacePrefix, tokenizer.chatTemplate,
      b.getDenseI32ArrayAttr(tokenizer.endIds));
}
