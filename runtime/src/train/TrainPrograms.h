//===- TrainPrograms.h - One micro-batch, one optimizer step --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The programs of training as functions: train_micro and train_apply, or
// train_step.
// Separate from the loop, because the tools for gradients and speed run the
// same programs without it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINPROGRAMS_H
#define STERNA_RUNTIME_TRAIN_TRAINPROGRAMS_H

#include "core/Session.h"
#include "train/BatchInputs.h"
#include "train/OptimizerProgram.h"

#include <cstdint>

namespace sterna {

/// Where a micro-batch stands in a run: what its random numbers derive from,
/// beside the seed.
struct MicroPlace {
  uint64_t step = 0; // both count from 0
  uint64_t micro = 0;
};

class TrainPrograms {
public:
  /// Looks up both programs in `session`, which must outlive this object and
  /// have been created with trainPrograms(module). Where gradients are rounded
  /// stochastically (--gradient-type=int8), `seed` and the place of the
  /// micro-batch decide how.
  static Expected<TrainPrograms> create(Session &session, float loraScale,
                                        uint64_t seed);

  /// Adds the gradients of a micro-batch to those of earlier ones, or
  /// overwrites them unless `accumulate` is set. Returns the sum of the token
  /// losses times `lossScale`.
  Expected<float> micro(const Batch &batch, float lossScale, bool accumulate,
                        MicroPlace place = {});

  /// What updates the parameters.
  OptimizerProgram &optimizerProgram() { return optimizer; }

  /// The session that the programs run in.
  Session &session() const { return *owner; }

private:
  struct Micro {
    Program program;
    BatchInputs inputs;
    float *loraScale = nullptr;
    float *lossScale = nullptr;
    float *accumulate = nullptr;
    int32_t *roundingSeeds = nullptr; // one for each rounded gradient
    uint64_t roundings = 0;
    float *loss = nullptr;
  };

  TrainPrograms(Session &session, Micro micro, OptimizerProgram optimizer,
                float loraScale, uint64_t seed)
      : owner(&session), microProgram(micro), optimizer(optimizer),
        loraScale(loraScale), seed(seed) {}

  static Status findRoundingSeeds(const Session &session, Micro &micro);

  Session *owner;
  Micro microProgram;
  OptimizerProgram optimizer;
  float loraScale;
  uint64_t seed; // of stochastic rounding
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINPROGRAMS_H
