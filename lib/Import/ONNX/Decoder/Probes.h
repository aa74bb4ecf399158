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

/// Whether `result` has rows of `size` elements of `input` by the root of their
/// mean square plus `epsilon`, times the elements of `weight` if not null.
bool computesNorm(mlir::Value result, mlir::Value input, double epsilon,
                  int64_t size, mlir::Value weight = nullptr);

/// Whether `result` has the softmax of rows of `size` elements of `input`.
bool computesSoftmax(mlir::Value result, mlir::Value input, int64_t size);

/// What a linear reads and what it does to it.
struct LinearInput {
  /// The value before its quantizer.
  mlir::Value source;
  /// Whether it is quantized per token to int8 as BitNet b1.58 does.
  bool isQuantized = false;
  /// What the product is multiplied by, or divided if `isDivided`, apart from
  /// the step of the quantizer.
  double factor = 1;
  bool isDivided = false;
};

/// What `linear` reads. Fails where that is computed from its largest
/// magnitudes, but is not so quantized.
llvm::Expected<LinearInput> readLinearInput(const LinearPart &linear,
                                            const LinearForms &forms);

/// A matrix that is computed from one parameter.
struct ComputedMatrix {
  mlir::Value parameter;
  bool isTransposed = false;
};

/// Latent weights, one parameter as `linear` would have it, which it makes
/// ternary by their mean magnitude; none where it does something else.
std::optional<ComputedMatrix> readLatent(const LinearPart &linear,
                                         const LinearForms &forms);

/// A parameter of bytes from which the matrix of `linear` is unpacked, four
/// trits of rows that are a quarter of the matrix apart in each, as
/// transformers packs them; null where it is computed in another way.
mlir::Value readPacked(const LinearPart &linear, const LinearForms &forms);

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
