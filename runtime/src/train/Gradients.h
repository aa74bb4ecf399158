//===- Gradients.h - Gradients of one sample ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the program that training runs computes for a sample, for comparison
// with other implementations.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_GRADIENTS_H
#define STERNA_RUNTIME_TRAIN_GRADIENTS_H

#include "train/Adapter.h"
#include "train/ModelData.h"

namespace sterna {

struct SampleGradients {
  /// The mean over the sample's scored tokens, in nats.
  float loss = 0;
  /// In the places of the adapter's matrices.
  PeftAdapter gradients;
};

/// The gradients of the first sample of `data` with respect to `adapter`, which
/// `session` has. `seed` is of stochastic rounding. Fails where there is no
/// sample or nothing in it is scored, and where the loss is not finite.
Expected<SampleGradients> computeGradients(Session &session,
                                           const Adapter &adapter,
                                           const ModelData &data,
                                           uint64_t seed);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_GRADIENTS_H
