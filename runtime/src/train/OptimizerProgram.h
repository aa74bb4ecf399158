//===- OptimizerProgram.h - The program of the optimizer --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The optimizer's side of train_apply or train_step, which is the same for
// adapters and for parameters of a graph: it updates all state that training
// changes.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H
#define STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H

#include "core/Session.h"

#include <cstdint>

namespace sterna {

struct OptimizerStep {
  double learningRate = 0;
  double weightDecay = 0;
  double maxGradNorm = 0;  // 0: no clipping
  double previousNorm = 0; // of the step before; 0: there is none
  uint64_t step = 1;       // counts from 1, for the bias corrections
};

class OptimizerProgram {
public:
  /// Looks the program up in `session`, which must outlive this object.
  static Expected<OptimizerProgram> create(const Session &session);

  /// Whether gradients are kept until apply() updates by them; else the
  /// program that computes them updates, too.
  bool keepsGradients() const { return hold == nullptr; }

  /// Writes the inputs of the optimizer: before the program that updates runs.
  void write(const OptimizerStep &settings);

  /// Of a program that computes gradients, too: makes its next run update
  /// nothing.
  void writeHold();

  /// Updates the parameters by the gradients that are kept. Returns their norm
  /// before clipping.
  Expected<float> apply(const OptimizerStep &settings);

  /// The norm of the gradients in the last run, before clipping.
  float norm() const { return *gradNorm; }

private:
  explicit OptimizerProgram(Program program) : program(program) {}

  Status findInputs(const format::Model &model);

  Program program;
  double beta1 = 0, beta2 = 0;
  float *learningRate = nullptr;
  float *weightDecay = nullptr;
  float *gradNorm = nullptr;
  // Null where the program has no such input.
  float *maxGradNorm = nullptr;
  float *clip = nullptr;
  float *biasCorrection1 = nullptr;
  float *biasCorrection2 = nullptr;
  float *hold = nullptr;
  int32_t *roundingSeed = nullptr;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_OPTIMIZERPROGRAM_H
