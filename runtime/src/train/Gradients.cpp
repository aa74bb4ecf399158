//===- Gradients.cpp - Gradients of one sample ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Gradients.h.
//
//===----------------------------------------------------------------------===//

#include "train/Gradients.h"

#include "train/TrainPrograms.h"

#include <cmath>

using namespace sterna;

/// The batch that holds only `sample`.
static Batch makeBatch(const Module &module, const Sample &sample,
                       int32_t padToken) {
  BatchOptions options;
  options.batch = module.model().batch();
  options.sequenceLength = module.model().sequence_length();
  options.padToken = padToken;
  options.shuffle = false;
  std::vector<Sample> samples = {sample};
  Batcher batcher(samples, options);
  Batch batch;
  batcher.fill(/*epoch=*/0, /*index=*/0, batch);
  return batch;
}

Expected<SampleGradients> sterna::computeGradients(Session &session,
                                                   const Adapter &adapter,
                                                   const ModelData &data,
                                                   uint64_t seed) {
  if (data.dataset.samples.empty())
    return Status::error("the data has no sample");
  // One that keeps no gradients would move the adapter instead.
  if (Expected<Program> micro = session.program("train_micro"); !micro.ok())
    return micro.status();
  Batch batch =
      makeBatch(session.module(), data.dataset.samples.front(), data.padToken);
  if (batch.trainedTokens == 0)
    return Status::error("the first sample has no token to score");
  Expected<TrainPrograms> train =
      TrainPrograms::create(session, adapter.scale(), seed);
  if (!train.ok())
    return train.status();
  Expected<float> loss =
      train->micro(batch, float(1.0 / double(batch.trainedTokens)),
                   /*accumulate=*/false);
  if (!loss.ok())
    return loss.status();
  if (!std::isfinite(*loss))
    return Status::error("the loss is not finite");
  Expected<PeftAdapter> gradients = adapter.readGradients(session);
  if (!gradients.ok())
    return gradients.status();
  return SampleGradients{*loss, std::move(*gradients)};
}
