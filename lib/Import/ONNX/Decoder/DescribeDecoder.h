//===- DescribeDecoder.h - A graph as a language model ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the description of a language model off the program of a graph, so that
// from there on it is a model like one of GGUF or of Hugging Face.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_DESCRIBEDECODER_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_DESCRIBEDECODER_H

#include "sterna/Import/Importer.h"

namespace sterna {

/// Describes the decoder whose program @main is in `graph`: token ids of one
/// sequence to logits. All that it computes is accounted for; fails, naming the
/// node, at the first thing that a Llama-like block does not have.
llvm::Expected<ModelDescription> describeDecoder(mlir::ModuleOp graph,
                                                 llvm::StringRef path,
                                                 const ImportOptions &options);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_DESCRIBEDECODER_H
