//===- Evaluator.h - Loss of a data set -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs eval or eval_lora over samples. Separate from the trainer, which uses
// it for validation, because evaluation alone needs no training programs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_EVALUATOR_H
#define STERNA_RUNTIME_TRAIN_EVALUATOR_H

#include "core/Session.h"
#include "train/BatchInputs.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace sterna {

struct EvaluationResult {
  double loss = 0;     // mean over the scored tokens
  uint64_t tokens = 0; // scored tokens
};

/// Called with how many batches are done of how many; false asks to stop.
using EvaluationProgress = std::function<bool(uint64_t done, uint64_t total)>;

class Evaluator {
public:
  /// Looks up `eval`, or `eval_lora` if `lora` is set, in `session`, which must
  /// outlive this object. `loraScale` is ignored unless `lora` is set.
  static Expected<Evaluator> create(Session &session, bool lora,
                                    float loraScale);

  /// The mean loss over all scored tokens of `samples`, none of which is longer
  /// than the compiled sequence. `progress` is called after each batch. Fails
  /// if it asks to stop, no token is scored or the loss is not finite.
  Expected<EvaluationResult> evaluate(const std::vector<Sample> &samples,
                                      int32_t padToken,
                                      const EvaluationProgress &progress);

private:
  Evaluator(Program program, const format::Model &model, float loraScale)
      : program(program), batchSize(model.batch()),
        sequenceLength(model.sequence_length()), scale(loraScale) {}

  Expected<float> run(const Batch &batch);

  Program program;
  uint32_t batchSize;
  uint32_t sequenceLength;
  float scale;
  bool pack = false;
  BatchInputs inputs;
  float *loraScale = nullptr; // null without adapter
  float *loss = nullptr;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_EVALUATOR_H
