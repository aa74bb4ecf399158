//===- OptimizerProgram.h - The optimizer's step as a function ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The program train_apply, which is the same for adapters and for parameters of
// graphs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H
#define STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H

#include "core/Session.h"

#include <cstdint>

namespace sterna {

/// Settings of one AdamW step; the module says its constants.
struct OptimizerStep {
  double learningRate = 0;
  double weightDecay = 0;
  double maxGradNorm = 0; // 0: no clipping
  uint64_t step = 1;      // counts from 1, for the bias corrections
};

class OptimizerProgram {
public:
  /// Looks the program up in `session`, which must outlive this object.
  static Expected<OptimizerProgram> create(const Session &session);

  /// Updates the parameters by the gradients. Returns the gradients' norm
  /// before clipping.
  Expected<float> apply(const OptimizerStep &settings);

private:
  explicit OptimizerProgram(Program program) : program(program) {}

  Program program;
  double beta1 = 0, beta2 = 0;
  float *learningRate = nullptr;
  float *weightDecay = nullptr;
  float *maxGradNorm = nullptr;
  float *biasCorrection1 = nullptr;
  float *biasCorrection2 = nullptr;
  float *gradNorm = nullptr;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H
