//===- Evaluator.cpp - Loss of a data set ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Evaluator.h.
//
//===----------------------------------------------------------------------===//

#include "train/Evaluator.h"

#include <cmath>

using namespace sterna;

Expected<Evaluator> Evaluator::create(Session &session, bool lora,
                                      float loraScale) {
  const format::Model &model = session.module().model();
  Expected<Program> program = session.program(lora ? "eval_lora" : "eval");
  if (!program.ok())
    return program.status();
  Expected<BatchInputs> inputs = BatchInputs::find(*program, model);
  if (!inputs.ok())
    return inputs.status();
  Expected<float *> loss = program->output<float>("loss", 1);
  if (!loss.ok())
    return loss.status();
  Evaluator evaluator(*program, model, loraScale);
  evaluator.pack = isPacked(session.module());
  evaluator.inputs = *inputs;
  evaluator.loss = *loss;
  if (lora) {
    Expected<float *> scale = program->input<float>("lora_scale", 1);
    if (!scale.ok())
      return scale.status();
    evaluator.loraScale = *scale;
  }
  return evaluator;
}

Expected<float> Evaluator::run(const Batch &batch) {
  if (Status status = inputs.write(batch); !status.ok())
    return status;
  if (loraScale)
    *loraScale = scale;
  if (Status status = program.run(); !status.ok())
    return status;
  return *loss;
}

Expected<EvaluationResult>
Evaluator::evaluate(const std::vector<Sample> &samples, int32_t padToken,
                    const EvaluationProgress &progress) {
  BatchOptions options;
  options.batch = batchSize;
  options.sequenceLength = sequenceLength;
  options.padToken = padToken;
  options.shuffle = false;
  options.pack = pack;
  Batcher batcher(samples, options);
  Batch batch;
  EvaluationResult result;
  double total = 0;
  uint64_t batches = batcher.batchesPerEpoch();
  for (uint64_t index = 0; index < batches; ++index) {
    batcher.fill(/*epoch=*/0, index, batch);
    if (batch.trainedTokens > 0) {
      Expected<float> sum = run(batch);
      if (!sum.ok())
        return sum.status();
      total += *sum;
      result.tokens += batch.trainedTokens;
    }
    if (!progress(index + 1, batches))
      return Status::error("the caller stopped it after " +
                           std::to_string(index + 1) + " of " +
                           std::to_string(batches) + " batches");
  }
  if (result.tokens == 0)
    return Status::error("the data has no token to score");
  result.loss = total / double(result.tokens);
  if (!std::isfinite(result.loss))
    return Status::error("the loss is not finite");
  return result;
}
