//===- DecoderInputs.h - Inputs of language models --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph that becomes a language model is read as one sequence without a past:
// its token ids are an input, and all else that exporters make inputs of is
// known: a mask of ones, positions from 0 on, keys and values of no tokens.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_DECODERINPUTS_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_DECODERINPUTS_H

#include "mlir/IR/Builders.h"
#include "onnx-ml.pb.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// What input `input`, of elements `element`, holds for `tokens` tokens; null
/// for the token ids. Fails on an input that language models do not have and on
/// extents that the file fixes otherwise.
llvm::Expected<mlir::Value> bindDecoderInput(mlir::OpBuilder &b,
                                             mlir::Location loc,
                                             const onnx::ValueInfoProto &input,
                                             mlir::Type element,
                                             int64_t tokens);

/// The tokens that a graph with these inputs is read for: what it fixes, or
/// `wanted`.
int64_t countTokens(const onnx::GraphProto &graph, int64_t wanted);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_DECODERINPUTS_H
