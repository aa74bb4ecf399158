//===- Probes.h - Functions known by their values ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which activation a feed-forward has, and whether a linear quantizes its
// input, is found by computing it: numbers are put in for the values that it
// depends on, each place its own, and what comes out is compared with what the
// known functions give. How a graph spells them does not matter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_PROBES_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_PROBES_H

#include "DecoderParts.h"
#include "sterna/Import/Model.h"

namespace sterna {

/// A value that a linear reads: `source` itself, or quantized per token to int8
/// as BitNet b1.58 does and multiplied out again.
struct LinearInput {
  mlir::Value source;
  bool isQuantized = false;
};

/// What `input`, rows of `columns`, is. Fails where it is computed from its
/// largest magnitudes, but is not so quantized.
llvm::Expected<LinearInput> readLinearInput(mlir::Value input, int64_t columns,
                                            const LinearForms &forms);

/// act(gate) * up, of the same shape as both.
struct GatedUnit {
  mlir::Value gate, up;
  FeedForwardActivation activation = FeedForwardActivation::SiLU;
};

/// The unit that `value` is, of two roots of `forms`; none where it is none.
std::optional<GatedUnit> readGatedUnit(mlir::Value value,
                                       const LinearForms &forms);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_PROBES_H
