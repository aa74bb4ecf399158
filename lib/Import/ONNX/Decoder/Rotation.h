//===- Rotation.h - Rotary embedding from its numbers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that are rotated by their position are, for a known position, sums of
// two elements each. From the factors follow the pairs and their frequencies.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_ROTATION_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_ROTATION_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace sterna {

/// A head's element as a sum: `self` times the same element before rotation,
/// plus `other` times that of its pair, `partner`, which is -1 for none.
struct RotatedElement {
  double self = 0, other = 0;
  int64_t partner = -1;
};

struct Rotation {
  /// What positions do not change: the factor at position 0.
  double factor = 0;
  /// Pairs of neighbours, not of the halves of a head.
  bool isInterleaved = false;
  /// In radians a position, one for each pair of what is rotated.
  std::vector<double> frequencies;
};

/// The rotation of heads of `size` elements, whose element `d` at position `t`
/// is `get(t, d)`, of which those at `positions`, 0 and 1 first, are looked at.
/// Fails where it is none.
llvm::Expected<Rotation>
readRotation(int64_t size, llvm::ArrayRef<int64_t> positions,
             llvm::function_ref<RotatedElement(int64_t t, int64_t d)> get);

/// Sets the angles of `model`: powers of a base where they are, to the accuracy
/// of f32, such powers.
void setFrequencies(ModelDescription &model,
                    const std::vector<double> &frequencies);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_ROTATION_H
